//! The snapshot itself, as a stream.

use super::{
    address::Address,
    answer::{Answer, transport},
    endpoint::Endpoint,
    failure::{Result, SNAPSHOT_POLICY, VaultError, VaultErrorKind},
    vault::Vault,
};
use backup_core::patience::Patience;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream, stream::BoxStream};
use reqwest::{Method, Response};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

/// The bytes of a snapshot as they come.
///
/// Its end proves nothing: Vault ends the body of a failed snapshot as if it were whole. Only [`crate::snapshot::Proof`] vouches for it. It ends
/// with an error if the connection breaks or nothing comes for the idle timeout; there is no other limit of time. Dropping it closes the
/// connection, which releases the locks that Vault holds as long as it sends: read it as fast as possible.
pub struct SnapshotStream {
    sent_by: Address,
    bytes: BoxStream<'static, Result<Bytes>>,
}

impl Vault {
    /// Asks for a snapshot, at this server or the leader that it redirects to. Changes nothing, and may be repeated.
    ///
    /// # Errors
    /// Whatever Vault answers before its first byte.
    pub async fn snapshot(&self) -> Result<SnapshotStream> {
        let request = self.request(Method::GET, "sys/storage/raft/snapshot", "take a snapshot");
        let (response, at) = self.follow(&request).await?;
        let doing = at.doing(request.doing);
        if response.status() != reqwest::StatusCode::OK {
            let refused = refusal(response, &at, &doing).await.needing(SNAPSHOT_POLICY);
            return Err(self.without_token(refused));
        }
        let sent_by = at.address.clone();
        let coming = Coming {
            patience: Patience::new(at.idle()),
            response,
            doing,
        };
        let bytes = stream::try_unfold(coming, next).boxed();
        Ok(SnapshotStream { sent_by, bytes })
    }
}

async fn refusal(response: Response, at: &Endpoint, doing: &str) -> VaultError {
    match tokio::time::timeout(at.idle(), Answer::read(response, doing)).await {
        Ok(Ok(answer)) => answer.error(doing),
        Ok(Err(error)) => error,
        Err(_) => VaultError::new(VaultErrorKind::Stalled, doing),
    }
}

struct Coming {
    response: Response,
    patience: Patience,
    doing: String,
}

async fn next(mut coming: Coming) -> Result<Option<(Bytes, Coming)>> {
    match coming.patience.within(coming.response.chunk()).await {
        Some(Ok(piece)) => Ok(piece.map(|piece| (piece, coming))),
        Some(Err(error)) => Err(transport(error, &coming.doing)),
        None => Err(VaultError::new(VaultErrorKind::Stalled, coming.doing)),
    }
}

impl SnapshotStream {
    /// The server that sends: the leader.
    #[must_use]
    pub fn sent_by(&self) -> &Address {
        &self.sent_by
    }
}

impl Stream for SnapshotStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.bytes.poll_next_unpin(cx)
    }
}

impl fmt::Debug for SnapshotStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotStream")
            .field("sent_by", &self.sent_by)
            .finish_non_exhaustive()
    }
}

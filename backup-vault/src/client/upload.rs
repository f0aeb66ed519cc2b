//! A snapshot sent to a server.

use super::{
    answer::Answer,
    endpoint::Request,
    failure::{RESTORE_POLICY, VaultError, VaultErrorKind},
    redirect,
    vault::Vault,
};
use backup_core::{
    Error, Result,
    pipeline::{ByteStream, Source},
};
use futures::TryStreamExt;
use reqwest::{Body, Method, Response};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// Vault reads a snapshot again before it answers; no disk is as slow as this.
const CHECKED_PER_SECOND: u64 = 8 << 20;

/// What happens to a body while it is sent.
#[derive(Debug, Default)]
struct Sending {
    sent: AtomicU64,
    /// Why its source failed: an HTTP client only says that it did.
    failure: Mutex<Option<Error>>,
}

impl Vault {
    /// Sends a snapshot of exactly `length` bytes to this server, which must be the leader ([`Vault::at_leader`]). With `force`, one of another
    /// cluster is taken too, and Vault checks nothing but its unencrypted sums: prove it first.
    ///
    /// Success says that Vault has taken the snapshot, not that it is in force: that begins only then ([`Vault::await_restored`]). Given up when
    /// nothing moves for the idle timeout. If the future is dropped, the body ends early, and Vault refuses it.
    ///
    /// # Errors
    /// The error of `snapshot` itself, and whatever Vault answers: `OtherSeal` without `force`, `UploadCut` after its own `http_read_timeout`. One of
    /// kind `SourceUnreachable` (`Gateway` too: a proxy answered) after the last byte does not say that Vault has not taken it.
    pub async fn send_snapshot(&self, snapshot: ByteStream, length: u64, force: bool) -> Result<()> {
        let path = if force {
            "sys/storage/raft/snapshot-force"
        } else {
            "sys/storage/raft/snapshot"
        };
        let request = self.request(Method::POST, path, "send the snapshot");
        let sending = Arc::new(Sending::default());
        let body = counted(Source::sized(snapshot, length), Arc::clone(&sending));
        let response = tokio::select! {
            response = self.endpoint.upload(&request, body, length) => response,
            () = self.stalled(&sending, length) => Err(self.stall(&request)),
        };
        let failure = sending.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (failure, response) {
            (Some(failure), _) => Err(failure),
            (None, Ok(response)) => Ok(self.taken(response, &request).await?),
            (None, Err(error)) => Err(error.into()),
        }
    }

    fn stall(&self, request: &Request<'_>) -> VaultError {
        VaultError::new(VaultErrorKind::Stalled, self.endpoint.doing(request.doing))
    }

    /// Returns when nothing has moved for too long.
    async fn stalled(&self, sending: &Sending, length: u64) {
        let mut before = None;
        loop {
            let sent = sending.sent.load(Ordering::Relaxed);
            if before == Some(sent) {
                return;
            }
            before = Some(sent);
            let checking = if sent < length { 0 } else { length / CHECKED_PER_SECOND };
            sleep(self.endpoint.idle() + Duration::from_secs(checking)).await;
        }
    }

    async fn taken(&self, response: Response, request: &Request<'_>) -> Result<(), VaultError> {
        let doing = self.endpoint.doing(request.doing);
        if redirect::is_redirect(&response) {
            return Err(VaultError::new(VaultErrorKind::NoLeader, doing).said("it has just lost the lead"));
        }
        match tokio::time::timeout(self.endpoint.idle(), Answer::read(response, &doing)).await {
            Ok(answer) => judged(answer?, &doing),
            Err(_) => Err(self.stall(request)),
        }
    }
}

fn judged(answer: Answer, doing: &str) -> Result<(), VaultError> {
    let foreign = answer.status.is_server_error() && !answer.is_vaults();
    answer.good(doing).map(drop).map_err(|error| match foreign {
        true => error.of_kind(VaultErrorKind::Gateway),
        false => error.needing(RESTORE_POLICY),
    })
}

fn counted(source: Source, sending: Arc<Sending>) -> Body {
    let noted = Arc::clone(&sending);
    let pieces = source.into_stream().inspect_ok(move |piece| {
        sending.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
    });
    Body::wrap_stream(pieces.map_err(move |error| {
        let text = std::io::Error::other(error.to_string());
        *noted.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        text
    }))
}

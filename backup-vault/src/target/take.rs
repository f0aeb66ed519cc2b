//! A snapshot taken from the server, proven, and kept encrypted until it is stored.

use super::{VaultRaft, tries::Failed};
use crate::{
    client::{SnapshotStream, Vault},
    snapshot::{Proof, SnapshotError, SnapshotFacts, proven},
};
use backup_core::{
    Error, ErrorKind,
    context::Context,
    pipeline::{Source, Staged},
    session::Session,
    target::PlannedArtifact,
};
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// A whole snapshot.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) staged: Staged,
    pub(super) facts: SnapshotFacts,
    /// The leader.
    pub(super) sent_by: String,
    /// From its first byte to its last: about as long as Vault held its locks.
    pub(super) transfer: Duration,
}

/// Takes one snapshot as fast as Vault gives it: nothing waits for the store.
pub(super) async fn take(
    target: &VaultRaft,
    cx: &Context,
    vault: &Vault,
    (session, planned): (&Session, &PlannedArtifact),
) -> Result<Taken, Failed> {
    let stream = vault.snapshot().await?;
    let sent_by = stream.sent_by().to_string();
    let times = Times::default();
    let (bytes, outcome) = proven(times.of(stream), Proof::new(target.limits), SnapshotError::of_server);
    let source = Source::vouched(bytes);
    let staged = session
        .stage(planned, source, &target.spool, cx.entropy.as_ref())
        .await
        .map_err(|error| Failed::from(error).after(times.began()))?;
    let unproven = || Error::new(ErrorKind::Internal, "a snapshot ended without a proof");
    Ok(Taken {
        staged,
        facts: outcome.get().cloned().ok_or_else(unproven)?,
        sent_by,
        transfer: times.between(),
    })
}

/// When the first and the last piece came.
#[derive(Debug, Clone, Default)]
struct Times(Arc<Mutex<Option<(Instant, Instant)>>>);

impl Times {
    fn of(&self, stream: SnapshotStream) -> impl Stream<Item = crate::client::Result<Bytes>> + Send + 'static {
        let times = self.clone();
        stream.inspect_ok(move |_| {
            let now = Instant::now();
            let mut times = times.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (first, _) = times.unwrap_or((now, now));
            *times = Some((first, now));
        })
    }

    fn began(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn between(&self) -> Duration {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.map_or(Duration::ZERO, |(first, last)| last - first)
    }
}

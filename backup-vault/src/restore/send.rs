//! The bytes that Vault gets.

use super::Restore;
use crate::{
    client::Vault,
    snapshot::{Digest, SnapshotFacts},
};
use backup_core::{Error, ErrorKind, Result, pipeline::ByteStream};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest as _, Sha256};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How many bytes of a snapshot were given to the connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Given(Arc<AtomicU64>);

impl Given {
    /// Whether Vault may have all `length` bytes: then it restores them, whatever becomes of its answer.
    pub(super) fn all(&self, length: u64) -> bool {
        self.0.load(Ordering::Relaxed) >= length
    }
}

impl Restore<'_> {
    pub(super) async fn send(&self, leader: &Vault, snapshot: ByteStream, given: Given) -> Result<()> {
        let same = matching(snapshot, self.facts).inspect_ok(move |piece| {
            given.0.fetch_add(piece.len() as u64, Ordering::Relaxed);
        });
        let length = self.facts.length;
        leader.send_snapshot(same.boxed(), length, self.request.force).await
    }
}

/// The same bytes, the last of which come only if all are those that were proven: Vault refuses a body that ends early.
pub(super) fn matching(snapshot: ByteStream, facts: &SnapshotFacts) -> ByteStream {
    let state = Matching {
        snapshot,
        sum: Sha256::new(),
        seen: 0,
        held: None,
        length: facts.length,
        sha256: facts.sha256,
    };
    stream::try_unfold(Some(state), |state| async move {
        match state {
            Some(state) => state.next().await,
            None => Ok(None),
        }
    })
    .boxed()
}

struct Matching {
    snapshot: ByteStream,
    sum: Sha256,
    seen: u64,
    held: Option<Bytes>,
    length: u64,
    sha256: Digest,
}

impl Matching {
    async fn next(mut self) -> Result<Option<(Bytes, Option<Self>)>> {
        while let Some(piece) = self.snapshot.try_next().await? {
            self.sum.update(&piece);
            self.seen += piece.len() as u64;
            if self.seen > self.length {
                return Err(changed());
            }
            if piece.is_empty() {
                continue;
            }
            if let Some(before) = self.held.replace(piece) {
                return Ok(Some((before, Some(self))));
            }
        }
        let sha256: Digest = self.sum.finalize().into();
        if self.seen != self.length || sha256 != self.sha256 {
            return Err(changed());
        }
        Ok(self.held.map(|last| (last, None)))
    }
}

fn changed() -> Error {
    Error::new(
        ErrorKind::Damaged,
        "the snapshot that was read is not the one that was proven before",
    )
    .hint("nothing was restored; it changed between two looks: find out who writes to the store")
}

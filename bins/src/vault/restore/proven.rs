//! A snapshot that was read to its end before a server is given its first byte.

use crate::{
    context::Context,
    vault::inspect::{cancelled, facts, unproven},
    verbs::origin::Origin,
};
use backup_core::{
    self as core, Result,
    pipeline::{ByteStream, Source, Spool},
};
use backup_vault::{
    VaultRaft,
    snapshot::{Proof, SnapshotError, SnapshotFacts, proven},
};
use std::time::Duration;
use tokio::time::Instant;

/// Facts, and the bytes that they are of.
pub(super) struct Proven {
    pub(super) facts: SnapshotFacts,
    pub(super) bytes: ByteStream,
    pub(super) took: Duration,
}

impl Proven {
    /// A file is read twice. Everything else is kept in between, encrypted: standard input comes but once, and a slow store must not run into the
    /// 30 seconds that Vault gives an upload.
    pub(super) async fn read(
        context: &Context,
        (cx, target): (&core::Context, &VaultRaft),
        origin: &Origin,
        proof: Proof,
    ) -> Result<Self> {
        let began = Instant::now();
        let (facts, bytes) = match origin {
            Origin::File(_) | Origin::Sealed(_) => (facts(context, origin.open(cx), proof).await?, origin.open(cx)),
            Origin::Backup(_) | Origin::Key(_) | Origin::Input(..) => kept((cx, target), origin, proof).await?,
        };
        let took = began.elapsed();
        Ok(Self { facts, bytes, took })
    }
}

async fn kept(
    (cx, target): (&core::Context, &VaultRaft),
    origin: &Origin,
    proof: Proof,
) -> Result<(SnapshotFacts, ByteStream)> {
    let (bytes, outcome) = proven(origin.open(cx), proof, SnapshotError::of_stored);
    let spool = tokio::select! {
        biased;
        () = cx.cancel.cancelled() => return Err(cancelled()),
        spool = Spool::fill(Source::vouched(bytes), &target.spool, cx.entropy.as_ref()) => spool?,
    };
    let facts = outcome.get().cloned().ok_or_else(unproven)?;
    Ok((facts, spool.into_source().into_stream()))
}

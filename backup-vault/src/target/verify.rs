//! Is the content of an artifact the snapshot that it has to be?

use super::SnapshotDetails;
use crate::snapshot::{Limits, Proof, SnapshotError, SnapshotFacts, proven};
use backup_core::{Error, ErrorKind, Result, catalog::Artifact, pipeline::ByteStream};
use futures::TryStreamExt;

/// Proves the whole content, and compares it with what the manifest says.
pub(super) async fn verify(limits: Limits, artifact: &Artifact, content: ByteStream) -> Result<()> {
    let facts = prove(limits, content).await?;
    if SnapshotDetails::of(artifact)?.describe(&facts) && facts.length == artifact.plain_length {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Damaged,
        "the snapshot is whole, and not the one that the manifest describes",
    ))
}

/// Reads `content` to its end.
async fn prove(limits: Limits, content: ByteStream) -> Result<SnapshotFacts> {
    let (mut bytes, outcome) = proven(content, Proof::new(limits), SnapshotError::of_stored);
    while bytes.try_next().await?.is_some() {}
    let unproven = || Error::new(ErrorKind::Internal, "a snapshot ended without a proof");
    outcome.get().cloned().ok_or_else(unproven)
}

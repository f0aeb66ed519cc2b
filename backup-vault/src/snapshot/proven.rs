//! A stream of a snapshot that is proven while it passes.

use super::{facts::SnapshotFacts, flaw::SnapshotError, proof::Proof};
use backup_core::{Error, ErrorKind, Result, pipeline::ByteStream};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use std::sync::{Arc, OnceLock};

/// What was proven, to be asked after the stream has ended.
#[derive(Debug, Clone, Default)]
pub struct ProofOutcome(Arc<OnceLock<SnapshotFacts>>);

impl ProofOutcome {
    /// The facts; `None` as long as the stream has not ended well.
    #[must_use]
    pub fn get(&self) -> Option<&SnapshotFacts> {
        self.0.get()
    }
}

/// The same bytes as `stream`; ends with an error unless they are a whole snapshot. So its end may vouch for a
/// [`backup_core::pipeline::Source`].
///
/// `wrong` makes the error: [`SnapshotError::of_server`] or [`SnapshotError::of_stored`]. Every piece is unpacked and hashed before it is passed
/// on, some milliseconds for a megabyte. Dropping it drops the stream within.
pub fn proven<E: Into<Error> + 'static>(
    stream: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    proof: Proof,
    wrong: fn(SnapshotError) -> Error,
) -> (ByteStream, ProofOutcome) {
    let outcome = ProofOutcome::default();
    let state = (stream.boxed(), proof, outcome.clone());
    let checked = stream::try_unfold(state, move |(mut stream, mut proof, outcome)| async move {
        let Some(bytes) = stream.next().await else {
            let facts = proof.finish().map_err(wrong)?;
            let twice = |_| Error::new(ErrorKind::Internal, "a snapshot ended twice");
            return outcome.0.set(facts).map(|()| None).map_err(twice);
        };
        let bytes = bytes.map_err(Into::into)?;
        proof.feed(&bytes).map_err(wrong)?;
        Ok(Some((bytes, (stream, proof, outcome))))
    });
    (checked.boxed(), outcome)
}

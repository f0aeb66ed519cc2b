//! The walk over a whole snapshot file.

use super::{
    archive::Archive,
    facts::{FileFacts, SnapshotFacts, Trailer},
    flaw::{Flaw, Place, SnapshotError},
    gunzip::{End, Gunzip},
    limits::Limits,
};
use sha2::{Digest as _, Sha256};

/// Proves a snapshot that is pushed to it piece by piece; keeps no data.
///
/// Memory: what [`Limits::memory`] says, whatever the snapshot claims. Each byte is looked at once, in place. The result does not depend on the
/// size of the pieces.
#[derive(Debug)]
pub struct Proof {
    gunzip: Gunzip,
    archive: Archive,
    whole: Sha256,
    lenient: bool,
    broken: Option<SnapshotError>,
}

impl Default for Proof {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Proof {
    /// Begins at the first byte of a snapshot.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            gunzip: Gunzip::new(),
            archive: Archive::new(limits),
            whole: Sha256::new(),
            lenient: false,
            broken: None,
        }
    }

    /// Accepts a file whose gzip trailer alone is cut: Vault restores it, and all files and sums in it are proven. For restores; a backup that
    /// is cut was not written whole.
    #[must_use]
    pub fn lenient_trailer(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// What is wrong and where, and from then on always the same.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.whole.update(bytes);
        let archive = &mut self.archive;
        let fed = self.gunzip.feed(bytes, &mut |piece| archive.feed(piece));
        fed.map_err(|flaw| {
            let error = self.error(flaw);
            self.broken = Some(error);
            error
        })
    }

    /// Bytes of the file that were looked at.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.gunzip.offset()
    }

    /// The file has no more bytes.
    ///
    /// # Errors
    /// What is wrong, if it is not a whole snapshot.
    pub fn finish(self) -> Result<SnapshotFacts, SnapshotError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let trailer = self.end().map_err(|flaw| self.error(flaw))?;
        let cut = self.error(Flaw::Cut);
        let file = FileFacts {
            archive_length: self.archive.length(),
            length: self.gunzip.offset(),
            sha256: self.whole.finalize().into(),
            trailer,
        };
        let (meta, state, sum) = self.archive.into_members().into_facts().ok_or(cut)?;
        Ok(SnapshotFacts::new(meta, state, sum, file))
    }

    /// The archive must be complete first: otherwise a missing trailer is the least of it.
    fn end(&self) -> Result<Trailer, Flaw> {
        match (self.archive.complete(), self.gunzip.end()?) {
            (true, End::Whole) => Ok(Trailer::Whole),
            (true, End::InTrailer) if self.lenient => Ok(Trailer::Cut),
            (true, End::InTrailer) => Err(Flaw::CutTrailer),
            _ => Err(Flaw::Cut),
        }
    }

    fn error(&self, flaw: Flaw) -> SnapshotError {
        use Flaw as F;
        let of_file = match flaw {
            F::NotGzip | F::GzipFields | F::Checksum | F::Length | F::CutTrailer | F::TrailingBytes => true,
            F::Cut => self.archive.complete() || self.archive.length() == 0,
            _ => false,
        };
        let place = if of_file {
            Place::File(self.gunzip.offset())
        } else {
            self.archive.place(flaw)
        };
        SnapshotError::new(flaw, place)
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        super::gunzip::PIECE + (64 << 10) + self.archive.held()
    }
}

/// Proves `snapshot`, fed in pieces of `piece` bytes (at least one).
///
/// # Errors
/// See [`Proof::feed`] and [`Proof::finish`].
pub fn prove(snapshot: &[u8], piece: usize, limits: Limits) -> Result<SnapshotFacts, SnapshotError> {
    let mut proof = Proof::new(limits);
    for piece in snapshot.chunks(piece.max(1)) {
        proof.feed(piece)?;
    }
    proof.finish()
}

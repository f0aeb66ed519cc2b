//! The proof as a function of any bytes: the bodies of fuzz targets in `fuzz/`, and of property tests.

use super::{
    Limits, SnapshotError, SnapshotFacts,
    archive::Archive,
    flaw::{Flaw, Place},
    prove,
};

/// Small, so that the limits are met.
pub(super) const LIMITS: Limits = Limits {
    meta: 1 << 10,
    sealed: 1 << 10,
    pax: 512,
    key: 100,
    record: 1 << 20,
    value: 200,
    prefixes: 5,
    prefix: 20,
};

/// What is found in a snapshot does not depend on how it arrives.
///
/// # Panics
/// If it does.
pub fn snapshot(bytes: &[u8]) {
    let found = |step| -> Result<SnapshotFacts, SnapshotError> { prove(bytes, step, LIMITS) };
    assert_eq!(found(bytes.len()), found(7), "pieces are another snapshot");
}

/// The same for what is within gzip, whose checksum keeps a fuzzer out.
///
/// # Panics
/// If it depends on it.
pub fn archive(bytes: &[u8]) {
    let found = |step: usize| -> Result<bool, (Flaw, Place)> {
        let mut archive = Archive::new(LIMITS);
        for piece in bytes.chunks(step.max(1)) {
            archive.feed(piece).map_err(|flaw| (flaw, archive.place(flaw)))?;
        }
        Ok(archive.complete())
    };
    assert_eq!(found(bytes.len()), found(7), "pieces are another archive");
}

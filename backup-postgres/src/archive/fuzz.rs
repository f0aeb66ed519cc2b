//! The walk as a function of any bytes: the body of a fuzz target in `fuzz/`, and of the property tests.

use super::{ArchiveWalk, Limits, Walked};

/// Small, so that the limits are met.
const LIMITS: Limits = Limits {
    kept: 1 << 16,
    name: 1 << 10,
    entries: 1000,
};

/// What is found in an archive does not depend on how it arrives.
///
/// # Panics
/// If it does.
pub fn archive(bytes: &[u8]) {
    let whole = walked(bytes, bytes.len().max(1));
    assert_eq!(whole, walked(bytes, 7), "pieces are walked to something else");
}

fn walked(bytes: &[u8], step: usize) -> Option<Walked> {
    let mut walk = ArchiveWalk::new(LIMITS);
    for piece in bytes.chunks(step) {
        walk.push(piece).ok()?;
    }
    walk.finish().ok()
}

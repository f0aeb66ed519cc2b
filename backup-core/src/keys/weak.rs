//! Keys that anyone can guess.

use crate::hex;

/// The keys of the vectors in `docs/FORMAT.md`, section 8.
pub(super) const DOCUMENTED: [&str; 5] = [
    "KEK",
    "SIGN",
    "VERIFY",
    "RECOVERY",
    "RECOVERY_SECRET",
];

/// Why nobody should use these bytes as a key; `None` if nothing speaks against them.
pub(super) fn weakness(bytes: &[u8; 32]) -> Option<&'static str> {
    let steps = |step: u8| bytes.windows(2).all(|pair| pair[0].wrapping_add(step) == pair[1]);
    if steps(0) {
        Some("all its bytes are equal")
    } else if steps(1) {
        Some("its bytes count up")
    } else if DOCUMENTED.contains(&hex::encode(bytes).as_str()) {
        Some("it stands in the documentation")
    } else {
        None
    }
}

//! Keys that anyone can guess.

use crate::hex;

/// The keys of the vectors in `docs/FORMAT.md`, section 8.
pub(super) const DOCUMENTED: [&str; 5] = [
    "cd095dbb670972bfc7486d435f9f43eba57043a1f5d3f3147537421dba385a35",
    "efcdc5e25583ea3bcb697c5a96abf93726c9def8dd2b15eedfd4db70251c49c9",
    "bedd9d5cf1e264170a7e435bc931406daab7d3abca08eca95eaae41653a74dbd",
    "9ec34d581009925156c0bbb6fbde43e4e2ff8b68d533d93c80c7fa3ff64ce718",
    "8f63d2b17eb18157a69ca2e60053e26c8806070f662e2701645fdf184fee5b70",
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

//! Random pauses: two who stood in each other's way part.

use crate::{
    Result,
    clock::{Entropy, random},
};
use std::time::Duration;

/// A random pause of at most `longest` (full jitter).
pub(super) fn pause(entropy: &dyn Entropy, longest: Duration) -> Result<Duration> {
    let share = f64::from(u32::from_le_bytes(random(entropy)?)) / f64::from(u32::MAX);
    Ok(longest.mul_f64(share))
}

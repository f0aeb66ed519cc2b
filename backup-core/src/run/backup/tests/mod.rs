//! What a run leaves behind, whatever goes wrong.

mod cancelling;
mod damage;
pub(in crate::run) mod fake;
mod faults;
mod two_runs;

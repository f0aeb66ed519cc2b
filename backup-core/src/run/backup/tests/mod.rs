//! What a run leaves behind, whatever goes wrong.

mod cancelling;
mod damage;
mod faults;
mod fake;
mod two_runs;

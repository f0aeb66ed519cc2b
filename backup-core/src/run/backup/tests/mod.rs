//! What a run leaves behind, whatever goes wrong.

mod cancelling;
mod damage;
mod fake;
mod faults;
mod two_runs;

//! The verbs: back up, verify, list, prune.

mod backup;
pub mod prune;
mod verify;

pub use backup::{BackupReport, BackupRequest, backup};
pub use verify::{Damage, Verification, content_source, verify, verify_at_once};

//! Pruning: what retention no longer keeps, and what dead runs left behind.
//!
//! Deletes what a manifest owns, what a dead run's started marker names, and what a finished run claimed and its target no longer needs; nothing
//! else, ever. A crash at any point leaves either the backup,
//! or leftovers that the next prune finds.

mod execute;
pub mod forget;
pub mod forget_unsigned;
mod orphan;
mod plan;
mod sweep;
mod unneeded;

pub use execute::{PruneReport, prune};
pub use orphan::{Orphan, Verdict};
pub use plan::{PrunePlan, plan_prune};

use crate::{
    catalog::{Holder, Repository},
    id::BackupId,
    retention::Policy,
};
use std::time::Duration;

/// What to prune.
#[derive(Debug, Clone)]
pub struct PruneRequest {
    /// In which repository.
    pub repository: Repository,
    /// What to keep.
    pub policy: Policy,
    /// The backup that the caller has just made: it stays whatever the policy says.
    pub just_made: Option<BackupId>,
    /// Who prunes.
    pub holder: Holder,
    /// How long to wait for the lease.
    pub patience: Duration,
}

#[cfg(test)]
mod tests;

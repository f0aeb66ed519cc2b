//! What is in a repository: manifests, markers, leases and evidence (`docs/FORMAT.md`, sections 1 to 3).

pub mod claim;
mod clocks;
pub mod commit;
pub mod document;
pub mod evidence;
mod fetch;
pub mod foreign;
mod hex32;
mod holder;
mod latest;
pub mod layout;
pub mod lease;
pub mod list;
pub mod manifest;
mod parsing_room;
pub mod remove;
pub mod repository;
pub mod started;

pub use claim::{Claim, Series, claim};
pub use commit::commit;
pub use document::{Format, Signed, Trust};
pub use evidence::{Depth, Evidence, Proof};
pub use fetch::fetch;
pub use holder::Holder;
pub use latest::{Sought, latest};
pub use lease::Lease;
pub use list::{Entry, State};
pub use manifest::{Artifact, Failure, Manifest, Mode, StoredObject};
pub use repository::Repository;
pub use started::{MarkerState, StartedMarker};

#[cfg(test)]
pub(crate) mod tests;

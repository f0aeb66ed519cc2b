//! Raft snapshots of Vault: taken from the leader, proven complete while they stream by, restored.
//!
//! Vault answers HTTP 200 and ends the body cleanly when a snapshot fails after its first byte, so neither status nor length say that a snapshot is
//! whole. [`snapshot::Proof`] does: it walks over every byte, up to the last.

pub mod client;
mod secret;
pub mod snapshot;

pub use secret::Secret;

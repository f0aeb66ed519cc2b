//! Raft snapshots of Vault: taken from the leader, proven complete while they stream by, restored.
//!
//! Vault answers HTTP 200 and ends the body cleanly when a snapshot fails after its first byte, so neither status nor length say that a snapshot is
//! whole. [`snapshot::Proof`] does: it walks over every byte, up to the last. Nothing here reads the environment: what a program or a service wants
//! is passed in ([`client::VaultSettings`]).
//!
//! ```no_run
//! use backup_core::{Result, pipeline::Source};
//! use backup_vault::{
//!     Secret,
//!     client::{Vault, VaultSettings},
//!     snapshot::{Proof, SnapshotError, proven},
//! };
//!
//! async fn snapshot(token: String) -> Result<()> {
//!     let vault = Vault::new(VaultSettings {
//!         addr: "https://vault-active.vault.svc:8200".into(),
//!         token: Some(Secret::new(token)),
//!         ..VaultSettings::default()
//!     })?;
//!     let (bytes, outcome) = proven(vault.snapshot().await?, Proof::default(), SnapshotError::of_server);
//!     let source = Source::vouched(bytes); // for `Session::stream`, which reads it to its end
//!     # drop(source);
//!     if let Some(facts) = outcome.get() {
//!         println!("{} keys up to raft index {}", facts.keys.total.keys, facts.index);
//!     }
//!     Ok(())
//! }
//! # drop(snapshot(String::new()));
//! ```

pub mod client;
pub mod restore;
pub mod snapshot;
pub mod target;

pub use backup_core::Secret;
pub use restore::{Preflight, RestoreRequest, Restored};
pub use target::{LoginChoice, SnapshotDetails, VaultRaft};

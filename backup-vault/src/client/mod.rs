//! Talks to a Vault server: plain HTTP requests whose redirects and errors are understood.
//!
//! One connection per request, no proxy, no redirect behind the caller's back, no decompression, and never an `X-Vault-Namespace`: the paths used
//! here do not exist inside a namespace.

mod address;
mod answer;
mod connect;
mod cubbyhole;
mod endpoint;
mod failure;
mod kv;
mod leader;
mod login;
mod mark;
mod peers;
mod redirect;
mod restored;
mod settings;
mod snapshot;
mod status;
mod token;
mod upload;
mod vault;

#[cfg(test)]
pub(crate) mod tests;

pub use address::Address;
pub use failure::{RESTORE_POLICY, Result, SNAPSHOT_POLICY, VaultError, VaultErrorKind};
pub use login::Login;
pub use mark::Mark;
pub use peers::RaftPeer;
pub use restored::{RestoredState, Wait};
pub use settings::VaultSettings;
pub use snapshot::SnapshotStream;
pub use status::{Health, Leader, SealStatus};
pub use token::{TokenFacts, TokenLease};
pub use vault::Vault;

//! Keys: the text they are kept in, and the ring that a run works with (`docs/FORMAT.md`, section 7).
//!
//! This module reads no file and no environment: programs do, check [`demand_secret_mode`], and hand over the text.

mod expand;
mod generate;
mod id;
mod keyring;
mod line;
mod recovery;
mod secret;
mod secret_file;
mod sign;
mod weak;

pub use generate::{RecoveryPair, fresh_key_file, generate, recovery_pair, with_writers};
pub use id::KeyId;
pub use keyring::{KeyInfo, Keyring, MAX_KEY_FILE_LEN, MAX_RECOVERY_KEYS};
pub use line::KeyKind;
pub use secret_file::{KUBERNETES, demand_secret_mode, secret_mode_ok};
pub use sign::Trust;

pub(crate) use expand::{expand, sha256};
pub(crate) use keyring::Kek;
pub(crate) use recovery::WRAPPED_LEN;
pub(crate) use secret::Secret;

#[cfg(test)]
mod tests;

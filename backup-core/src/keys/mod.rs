//! Keys: the text they are kept in, and the ring that a run works with (`docs/FORMAT.md`, section 7).
//!
//! This module reads no file and no environment: programs do, check [`secret_mode_ok`], and hand over the text.

mod expand;
mod generate;
mod id;
mod keyring;
mod line;
mod recovery;
mod secret;
mod sign;
mod weak;

pub use generate::{RecoveryPair, fresh_key_file, generate, recovery_pair};
pub use id::KeyId;
pub use keyring::{KeyInfo, Keyring, MAX_KEY_FILE_LEN, MAX_RECOVERY_KEYS};
pub use line::KeyKind;
pub use sign::Trust;

pub(crate) use expand::{expand, sha256};
pub(crate) use keyring::Kek;
pub(crate) use recovery::WRAPPED_LEN;
pub(crate) use secret::Secret;

/// Whether a file of this unix mode may hold a secret: nobody but its owner may read, write or run it.
#[must_use]
pub fn secret_mode_ok(mode: u32) -> bool {
    mode & 0o077 == 0
}

#[cfg(test)]
mod tests;

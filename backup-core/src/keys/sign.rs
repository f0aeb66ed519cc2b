//! Ed25519 signatures of documents (`docs/FORMAT.md`, section 2).

use super::{KeyId, Keyring, expand::sha256, secret::Secret};
use crate::{Error, ErrorKind, Result};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;

/// Whose signature a document carries. (A document without one never gets here.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Signed by a key of the ring, and the signature holds.
    Signed(KeyId),
    /// Claims to be signed by a key that the ring does not have: nothing is proved.
    UnknownSigner(KeyId),
}

/// A key that signs.
pub(super) struct Signer {
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

impl Signer {
    pub(super) fn new(seed: &Secret) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())
            .map_err(|_| Error::new(ErrorKind::Key, "the seed of a signing key was not accepted"))?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        let verifier = Verifier::new(public);
        Ok(Self { pair, verifier })
    }

    pub(super) fn verifier(&self) -> Verifier {
        self.verifier
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier.id)
    }
}

/// A key that verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verifier {
    pub(super) public: [u8; 32],
    pub(super) id: KeyId,
}

impl Verifier {
    pub(super) fn new(public: [u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = sha256(&[b"pbe1/verify-id", &public]);
        let id = KeyId([a, b, c, d, e, f, g, h]);
        Self { public, id }
    }
}

impl Keyring {
    /// Signs the digest of a document of `kind` with the first `sign` key, else with the key derived from the first `kek`.
    ///
    /// `None` if the ring holds neither. Deterministic: the same ring and document give the same signature.
    ///
    /// # Errors
    /// Fails only if the cryptographic library does.
    pub fn sign(&self, kind: &str, sha256: &[u8; 32]) -> Result<Option<(KeyId, [u8; 64])>> {
        let Some(signer) = self.signer() else { return Ok(None) };
        let made = signer.pair.try_sign(&message(kind, sha256));
        let made = made.map_err(|_| Error::new(ErrorKind::Internal, "making a signature failed"))?;
        let mut signature = [0; 64];
        signature.copy_from_slice(made.as_ref());
        Ok(Some((signer.verifier.id, signature)))
    }

    /// Checks the signature of a document of `kind` against every key of the ring that has the id `by`.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if the ring has the key and the signature is not its.
    pub fn verify(&self, kind: &str, sha256: &[u8; 32], by: KeyId, signature: &[u8; 64]) -> Result<Trust> {
        let message = message(kind, sha256);
        let mut known = self.verifiers().filter(|verifier| verifier.id == by).peekable();
        if known.peek().is_none() {
            return Ok(Trust::UnknownSigner(by));
        }
        if known.any(|verifier| UnparsedPublicKey::new(&ED25519, verifier.public).verify(&message, signature).is_ok()) {
            return Ok(Trust::Signed(by));
        }
        Err(Error::new(
            ErrorKind::Damaged,
            format!("the signature of the {kind} document by key {by} is wrong"),
        ))
    }
}

fn message(kind: &str, sha256: &[u8; 32]) -> Vec<u8> {
    [b"pbe1/", kind.as_bytes(), &[0], sha256].concat()
}

//! The key schedule: everything that is derived from the file key.

use super::{FileId, MAC_LEN, MAGIC};
use crate::{
    Error, ErrorKind, Result,
    clock::Entropy,
    keys::{Secret, expand, sha256},
};
use aws_lc_rs::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    hmac,
};
use zeroize::Zeroizing;

const PAYLOAD_INFO: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";

pub(super) type Salt = [u8; 24];
pub(super) type Context = [u8; 32];

/// The digest that binds the whole fixed part of the header into every key.
pub(super) fn context(fixed: &[u8]) -> Context {
    // The length is checked against its limit, far below 32 bits, wherever `fixed` comes from.
    let length = u32::try_from(fixed.len()).unwrap_or(u32::MAX);
    sha256(&[b"pbe1/ctx", &MAGIC, &length.to_le_bytes(), fixed])
}

/// The key of one object, and what it is for.
#[derive(Debug)]
pub(super) struct FileKey {
    secret: Secret,
    file_id: FileId,
}

/// What seals and opens the chunks of one payload.
#[derive(Debug)]
pub(super) struct PayloadKeys {
    pub(super) key: LessSafeKey,
    pub(super) nonce: [u8; 12],
    pub(super) commitment: [u8; 32],
}

impl FileKey {
    pub(super) fn new(secret: Secret, file_id: FileId) -> Self {
        Self { secret, file_id }
    }

    pub(super) fn random(entropy: &dyn Entropy, file_id: FileId) -> Result<Self> {
        Secret::random(entropy).map(|secret| Self::new(secret, file_id))
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The MAC over everything before it in the header.
    pub(super) fn mac(&self, header: &[u8]) -> Result<[u8; MAC_LEN]> {
        let mut mac = [0; MAC_LEN];
        mac.copy_from_slice(hmac::sign(&self.header_key()?, header).as_ref());
        Ok(mac)
    }

    /// Whether the MAC is right; in constant time.
    pub(super) fn mac_ok(&self, header: &[u8], mac: &[u8]) -> Result<bool> {
        Ok(hmac::verify(&self.header_key()?, header, mac).is_ok())
    }

    fn header_key(&self) -> Result<hmac::Key> {
        let key: Zeroizing<[u8; 32]> = expand(self.secret.expose(), &[b"pbe1/hdr", &self.file_id])?;
        Ok(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
    }

    pub(super) fn payload(&self, salt: &Salt, context: &Context) -> Result<PayloadKeys> {
        let input = expand(self.secret.expose(), &[b"pbe1/payload", &self.file_id])?;
        PayloadKeys::derive(&input, salt, context)
    }
}

impl PayloadKeys {
    /// The C2SP construction `chunked-encryption`; its context is not limited to 32 bytes.
    pub(super) fn derive(input: &[u8; 32], salt: &Salt, context: &[u8]) -> Result<Self> {
        let all: Zeroizing<[u8; 76]> = expand(input, &[PAYLOAD_INFO, salt, context])?;
        let (mut nonce, mut commitment) = ([0; 12], [0; 32]);
        nonce.copy_from_slice(&all[32..44]);
        commitment.copy_from_slice(&all[44..]);
        let key = aes_key(&all[..32])?;
        Ok(Self { key, nonce, commitment })
    }
}

/// A key of AES-256-GCM.
pub(super) fn aes_key(bytes: &[u8]) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, bytes);
    key.map(LessSafeKey::new)
        .map_err(|_| Error::new(ErrorKind::Internal, "the AES key was not accepted"))
}

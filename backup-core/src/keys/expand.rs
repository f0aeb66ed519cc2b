//! `X(prk, info, n)` of the format: HKDF-Expand with SHA-512 (RFC 5869, section 2.3).

use crate::{Error, ErrorKind, Result};
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// `X(prk, info, N)`; `info` is the concatenation of its pieces. The prk is used as it is, although shorter than the hash.
pub(crate) fn expand<const N: usize>(prk: &[u8; 32], info: &[&[u8]]) -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    Prk::new_less_safe(HKDF_SHA512, prk)
        .expand(info, Length(N))
        .and_then(|okm| okm.fill(bytes.as_mut_slice()))
        .map_err(|_| Error::new(ErrorKind::Internal, "the derivation of a key failed"))?;
    Ok(bytes)
}

/// SHA-256 of the concatenation of `pieces`.
pub(crate) fn sha256(pieces: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().into()
}

//! Recovery keys: X25519 key pairs whose private half lies in a safe. HPKE (RFC 9180), base mode.

use super::{KeyId, expand::sha256, secret::Secret};
use crate::{
    Error, ErrorKind, Result,
    clock::{Entropy, random},
};
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable,
    aead::AesGcm256,
    kdf::HkdfSha256,
    kem::X25519HkdfSha256,
    rand_core::{TryCryptoRng, TryRng},
    single_shot_open, single_shot_seal_with_rng,
};
use std::{convert::Infallible, fmt};
use zeroize::Zeroizing;

const INFO: &[u8] = b"pbe1/slot/hpke";
const ENC_LEN: usize = 32;
/// Length of a file key wrapped for a recovery key: the encapsulated key, then the file key and its tag.
pub(crate) const WRAPPED_LEN: usize = ENC_LEN + 32 + 16;

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// The public half: wraps file keys, and opens nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RecoveryKey {
    public: PublicKey,
    pub(crate) id: KeyId,
}

impl RecoveryKey {
    /// `None` if nothing can be sealed for these bytes (a point of small order: the shared secret would be known to all).
    pub(crate) fn new(bytes: &[u8; 32]) -> Option<Self> {
        let public = PublicKey::from_bytes(bytes).ok()?;
        let mut probe = Drawn::new([1; 32]);
        X25519HkdfSha256::encap_with_rng(&public, None, &mut probe).ok()?;
        Some(Self::named(public))
    }

    fn named(public: PublicKey) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = sha256(&[b"pbe1/recovery-id", &public.to_bytes()]);
        let id = KeyId([a, b, c, d, e, f, g, h]);
        Self { public, id }
    }

    pub(crate) fn to_bytes(&self) -> [u8; 32] {
        self.public.to_bytes().into()
    }

    /// Wraps a file key: encapsulated key ‖ ciphertext ‖ tag.
    pub(crate) fn wrap(&self, key: &Secret, context: &[u8; 32], entropy: &dyn Entropy) -> Result<[u8; WRAPPED_LEN]> {
        let failed = || Error::new(ErrorKind::Key, format!("sealing for the recovery key {} failed", self.id));
        let mut drawn = Drawn::new(random(entropy)?);
        let (enc, sealed) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &self.public,
            INFO,
            key.expose(),
            context,
            &mut drawn,
        )
        .map_err(|_| failed())?;
        if !drawn.used_exactly_once() {
            return Err(failed());
        }
        let mut wrapped = [0; WRAPPED_LEN];
        wrapped[..ENC_LEN].copy_from_slice(&enc.to_bytes());
        wrapped[ENC_LEN..].copy_from_slice(sealed.get(..WRAPPED_LEN - ENC_LEN).ok_or_else(failed)?);
        Ok(wrapped)
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecoveryKey({})", self.id)
    }
}

/// The private half: opens what was wrapped for its public half.
#[derive(Clone)]
pub(crate) struct RecoverySecret {
    private: PrivateKey,
    pub(crate) public: RecoveryKey,
}

impl RecoverySecret {
    pub(crate) fn new(secret: &Secret) -> Result<Self> {
        let private = PrivateKey::from_bytes(secret.expose())
            .map_err(|_| Error::new(ErrorKind::Key, "the private recovery key was not accepted"))?;
        let public = RecoveryKey::named(X25519HkdfSha256::sk_to_pk(&private));
        Ok(Self { private, public })
    }

    /// The file key, or `None` if this key and context do not open it.
    pub(crate) fn unwrap(&self, wrapped: &[u8; WRAPPED_LEN], context: &[u8; 32]) -> Option<Secret> {
        let enc = EncappedKey::from_bytes(&wrapped[..ENC_LEN]).ok()?;
        let opened = single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &enc,
            INFO,
            &wrapped[ENC_LEN..],
            context,
        );
        let opened = Zeroizing::new(opened.ok()?);
        opened.as_slice().try_into().ok().map(Secret::new)
    }
}

impl fmt::Debug for RecoverySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecoverySecret({})", self.public.id)
    }
}

/// Random bytes drawn beforehand, because [`Entropy`] may fail and the generator that HPKE wants may not.
struct Drawn {
    bytes: Zeroizing<[u8; 32]>,
    taken: usize,
}

impl Drawn {
    fn new(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        Self { bytes, taken: 0 }
    }

    /// More would have been the same bytes again: the caller throws the result away.
    fn used_exactly_once(&self) -> bool {
        self.taken == self.bytes.len()
    }
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut word = [0; 4];
        self.try_fill_bytes(&mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = [0; 8];
        self.try_fill_bytes(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for byte in out {
            *byte = self.bytes[self.taken % self.bytes.len()];
            self.taken += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

//! Wrapping and unwrapping of the file key.

use super::{
    FileId, Header, damaged,
    schedule::{Context, FileKey, PayloadKeys, Salt, aes_key},
    slots::{KEK_BLOB_LEN, Slot, SlotKind},
};
use crate::{
    Error, ErrorKind, Result,
    clock::Entropy,
    keys::{Kek, Keyring, Secret, WRAPPED_LEN, expand},
};
use aws_lc_rs::{
    aead::{Aad, LessSafeKey, Nonce},
    constant_time::verify_slices_are_equal,
};
use zeroize::Zeroizing;

/// One slot for the writing `kek`, if there is one, and one for each recovery key.
pub(super) fn wrap(
    ring: &Keyring,
    key: &FileKey,
    id: &FileId,
    context: &Context,
    entropy: &dyn Entropy,
) -> Result<Vec<Slot>> {
    ring.require_seal()?;
    let mut slots = Vec::new();
    if let Some(kek) = ring.writing_kek() {
        let blob = kek_wrap(kek, key.secret(), id, context)?;
        slots.push(Slot {
            kind: SlotKind::Kek,
            key: kek.id,
            blob,
        });
    }
    for recovery in ring.recovery() {
        let blob = recovery.wrap(key.secret(), context, entropy)?.to_vec();
        slots.push(Slot {
            kind: SlotKind::HpkeX25519,
            key: recovery.id,
            blob,
        });
    }
    Ok(slots)
}

fn kek_wrap(kek: &Kek, key: &Secret, id: &FileId, context: &Context) -> Result<Vec<u8>> {
    let wrapper = kek_key(kek, id)?;
    let mut blob = Vec::with_capacity(KEK_BLOB_LEN);
    blob.extend_from_slice(key.expose());
    // The wrapping key is used for this file id alone, so the nonce may be fixed.
    let tag = wrapper.seal_in_place_separate_tag(zero_nonce(), Aad::from(context), &mut blob);
    let tag = tag.map_err(|_| Error::new(ErrorKind::Internal, "wrapping the file key failed"))?;
    blob.extend_from_slice(tag.as_ref());
    Ok(blob)
}

fn kek_unwrap(kek: &Kek, blob: &[u8], id: &FileId, context: &Context) -> Result<Option<Secret>> {
    let wrapper = kek_key(kek, id)?;
    let mut bytes = Zeroizing::new(blob.to_vec());
    let opened = wrapper.open_in_place(zero_nonce(), Aad::from(context), &mut bytes);
    Ok(opened
        .ok()
        .and_then(|key| <[u8; 32]>::try_from(&*key).ok())
        .map(Secret::new))
}

fn kek_key(kek: &Kek, id: &FileId) -> Result<LessSafeKey> {
    let key: Zeroizing<[u8; 32]> = expand(kek.secret.expose(), &[b"pbe1/slot/kek", id])?;
    aes_key(key.as_slice())
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

impl Header {
    /// Opens a slot, then checks the MAC and the commitment: the keys of the payload, of which no byte was used yet.
    pub(super) fn unlock(&self, ring: &Keyring, salt: &Salt, commitment: &[u8]) -> Result<PayloadKeys> {
        ring.require_open()?;
        let key = self.file_key(ring)?;
        let (covered, mac) = self.mac_parts();
        if !key.mac_ok(covered, mac)? {
            return Err(damaged(
                "the MAC of the header is wrong: the header was damaged or changed",
            ));
        }
        let keys = key.payload(salt, self.context())?;
        verify_slices_are_equal(&keys.commitment, commitment)
            .map_err(|_| damaged("the payload does not belong to the header: its salt or key commitment is wrong"))?;
        Ok(keys)
    }

    fn file_key(&self, ring: &Keyring) -> Result<FileKey> {
        let mut tried = None;
        for slot in self.slots() {
            let (ours, opened) = self.open_slot(slot, ring)?;
            if let Some(secret) = opened {
                return Ok(FileKey::new(secret, self.file_id()));
            }
            if ours {
                tried = Some(slot.key);
            }
        }
        Err(match tried {
            Some(id) => damaged(format!(
                "the slot for key {id} does not open: the header was damaged or changed"
            )),
            None => self.no_slot(),
        })
    }

    /// Whether a key of the ring has the id of the slot, and what it opened.
    fn open_slot(&self, slot: &Slot, ring: &Keyring) -> Result<(bool, Option<Secret>)> {
        let mut ours = false;
        match slot.kind {
            SlotKind::Kek => {
                for kek in ring.keks().iter().filter(|kek| kek.id == slot.key) {
                    ours = true;
                    if let Some(secret) = kek_unwrap(kek, &slot.blob, &self.file_id(), self.context())? {
                        return Ok((true, Some(secret)));
                    }
                }
            }
            SlotKind::HpkeX25519 => {
                let blob = <&[u8; WRAPPED_LEN]>::try_from(slot.blob.as_slice());
                let blob = blob.map_err(|_| damaged("a recovery slot has a wrong length"))?;
                for key in ring.recovery_secrets().iter().filter(|key| key.public.id == slot.key) {
                    ours = true;
                    if let Some(secret) = key.unwrap(blob, self.context()) {
                        return Ok((true, Some(secret)));
                    }
                }
            }
            SlotKind::Unknown(_) => {}
        }
        Ok((ours, None))
    }

    fn no_slot(&self) -> Error {
        let wanted: Vec<_> = self.slots().iter().map(|slot| slot.key.to_string()).collect();
        Error::new(ErrorKind::Key, "none of the given keys opens this object").hint(format!(
            "it was sealed for: {}; `backup-admin keys show` lists yours",
            wanted.join(", ")
        ))
    }
}

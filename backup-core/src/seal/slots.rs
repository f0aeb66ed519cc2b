//! The slots of a header: the file key, wrapped for each key that opens the object.

use super::{MAX_SLOTS_LEN, damaged};
use crate::{
    Result,
    keys::{KeyId, WRAPPED_LEN},
};

const MULTIPLE: usize = 512;
const MAX_SLOTS: u8 = 8;
const MAX_BLOB_LEN: usize = 1024;
/// Length of a file key wrapped by a `kek`: the key and its tag.
pub(super) const KEK_BLOB_LEN: usize = 32 + 16;

/// What opens a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// A key-encryption key.
    Kek,
    /// An X25519 recovery key.
    HpkeX25519,
    /// Something that this version does not know, with its number.
    Unknown(u8),
}

impl SlotKind {
    fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Kek,
            2 => Self::HpkeX25519,
            other => Self::Unknown(other),
        }
    }

    fn to_byte(self) -> u8 {
        match self {
            Self::Kek => 1,
            Self::HpkeX25519 => 2,
            Self::Unknown(byte) => byte,
        }
    }
}

/// One slot: who can open the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// What opens it.
    pub kind: SlotKind,
    /// The key that does, by its public name.
    pub key: KeyId,
    pub(super) blob: Vec<u8>,
}

/// The slots as bytes, padded with zeroes.
pub(super) fn encode(slots: &[Slot]) -> Result<Vec<u8>> {
    let count = u8::try_from(slots.len())
        .ok()
        .filter(|count| (1..=MAX_SLOTS).contains(count));
    let mut bytes = vec![count.ok_or_else(|| damaged("a sealed object has one to eight slots"))?];
    for slot in slots {
        let length = u16::try_from(slot.blob.len()).map_err(|_| damaged("a slot is too long"))?;
        bytes.push(slot.kind.to_byte());
        bytes.extend_from_slice(&slot.key.0);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&slot.blob);
    }
    bytes.resize(bytes.len().next_multiple_of(MULTIPLE), 0);
    Ok(bytes)
}

/// Reads slots; the caller has checked [`length_ok`].
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Slot>> {
    let (count, mut rest) = bytes.split_first().ok_or_else(|| damaged("the header has no slots"))?;
    if !(1..=MAX_SLOTS).contains(count) {
        return Err(damaged(format!(
            "the header claims {count} key slots; there are one to eight"
        )));
    }
    let mut slots = Vec::with_capacity(usize::from(*count));
    for number in 1..=*count {
        let slot;
        (slot, rest) = slot_at(number, rest)?;
        slots.push(slot);
    }
    if rest.iter().any(|byte| *byte != 0) {
        return Err(damaged("the padding after the key slots is not zero"));
    }
    Ok(slots)
}

fn slot_at(number: u8, bytes: &[u8]) -> Result<(Slot, &[u8])> {
    let ends = || damaged(format!("the header ends within key slot {number}"));
    let ([kind, id @ .., low, high], rest) = bytes.split_first_chunk::<11>().ok_or_else(ends)?;
    let kind = SlotKind::from_byte(*kind);
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let fits = match kind {
        SlotKind::Kek => length == KEK_BLOB_LEN,
        SlotKind::HpkeX25519 => length == WRAPPED_LEN,
        SlotKind::Unknown(_) => length <= MAX_BLOB_LEN,
    };
    if !fits {
        return Err(damaged(format!(
            "key slot {number} of the header is {length} bytes long"
        )));
    }
    let (blob, rest) = rest.split_at_checked(length).ok_or_else(ends)?;
    let (key, blob) = (KeyId(*id), blob.to_vec());
    Ok((Slot { kind, key, blob }, rest))
}

/// Whether a header may have this many bytes of slots.
pub(super) fn length_ok(length: usize) -> bool {
    length != 0 && length <= MAX_SLOTS_LEN && length.is_multiple_of(MULTIPLE)
}

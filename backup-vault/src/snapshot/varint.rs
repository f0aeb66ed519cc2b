//! Numbers as protobuf and Go's `binary.Uvarint` have them.

use super::flaw::Flaw;

/// A number in groups of seven bits, the lowest first.
#[derive(Debug, Default)]
pub(super) struct Varint {
    value: u64,
    bits: u32,
}

impl Varint {
    /// Whether no number has begun.
    pub(super) fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// The number, with its last byte.
    pub(super) fn push(&mut self, byte: u8) -> Result<Option<u64>, Flaw> {
        let group = u64::from(byte & 0x7f);
        if self.bits > 63 || self.bits == 63 && group > 1 {
            return Err(Flaw::Record);
        }
        self.value |= group << self.bits;
        self.bits += 7;
        if byte & 0x80 != 0 {
            return Ok(None);
        }
        Ok(Some(std::mem::take(self).value))
    }
}

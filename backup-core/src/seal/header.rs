//! The header as a whole.

use super::{
    FileId, MAC_LEN, MAGIC, MAX_FIXED_LEN, SealSpec, damaged,
    fixed::Fixed,
    schedule::{Context, FileKey, context},
    slots::{self, Slot},
};
use crate::Result;

/// Whether bytes begin as a sealed object does, of this or a later version of the format. Four of them tell.
#[must_use]
pub fn is_sealed(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC[..4])
}

/// The header of a sealed object. Whatever it says is a claim until the object was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    fixed: Fixed,
    slots: Vec<Slot>,
    context: Context,
    /// Everything up to and with the MAC.
    bytes: Vec<u8>,
}

impl Header {
    /// Reads the header at the beginning of `bytes`, which may go on after it. Needs no key.
    ///
    /// `None` means that the header goes on after these bytes; with [`super::MAX_HEADER_LEN`] bytes it never does. Limits are checked as soon as the
    /// bytes that break them are there, before memory is taken.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Damaged`], and what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(layout) = Layout::read(bytes)? else {
            return Ok(None);
        };
        let Some(bytes) = bytes.get(..layout.mac_end()) else {
            return Ok(None);
        };
        let fixed = &bytes[12..layout.fixed_end];
        Ok(Some(Self {
            context: context(fixed),
            fixed: Fixed::decode(fixed)?,
            slots: slots::decode(&bytes[layout.fixed_end + 4..layout.slots_end])?,
            bytes: bytes.to_vec(),
        }))
    }

    /// The bytes of a header.
    pub(super) fn build(fixed: &[u8], slots: &[Slot], key: &FileKey) -> Result<Vec<u8>> {
        let slots = slots::encode(slots)?;
        let mut bytes = Vec::with_capacity(super::MAX_HEADER_LEN);
        bytes.extend_from_slice(&MAGIC);
        for part in [fixed, &slots] {
            let length = u32::try_from(part.len()).map_err(|_| damaged("the header is too long"))?;
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(&key.mac(&bytes)?);
        Ok(bytes)
    }

    /// What the object claims to be.
    #[must_use]
    pub fn spec(&self) -> &SealSpec {
        &self.fixed.spec
    }

    /// The random name that the object claims.
    #[must_use]
    pub fn file_id(&self) -> FileId {
        self.fixed.file_id
    }

    /// The keys that open the object.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Where the payload begins: the length of the header.
    #[must_use]
    pub fn payload_offset(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// The bytes that the MAC covers, and the MAC.
    pub(super) fn mac_parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(self.bytes.len() - MAC_LEN)
    }
}

/// Where the parts of a header end.
struct Layout {
    fixed_end: usize,
    slots_end: usize,
}

impl Layout {
    fn mac_end(&self) -> usize {
        self.slots_end + MAC_LEN
    }

    /// `None` if the bytes end before both lengths.
    fn read(bytes: &[u8]) -> Result<Option<Self>> {
        check_magic(bytes)?;
        let Some(fixed) = u32_at(bytes, 8) else { return Ok(None) };
        if fixed > MAX_FIXED_LEN {
            return Err(damaged(format!(
                "the header claims {fixed} bytes of records; {MAX_FIXED_LEN} is the limit"
            )));
        }
        let fixed_end = 12 + fixed;
        let Some(slots) = u32_at(bytes, fixed_end) else {
            return Ok(None);
        };
        if !slots::length_ok(slots) {
            return Err(damaged(format!(
                "the header claims {slots} bytes of key slots; they are a multiple of 512, at most {}",
                super::MAX_SLOTS_LEN
            )));
        }
        let slots_end = fixed_end + 4 + slots;
        Ok(Some(Self { fixed_end, slots_end }))
    }
}

fn check_magic(bytes: &[u8]) -> Result<()> {
    let there = bytes.len().min(MAGIC.len());
    if bytes[..there] == MAGIC[..there] {
        return Ok(());
    }
    if there == MAGIC.len() && bytes[..there - 1] == MAGIC[..there - 1] {
        return Err(damaged(format!(
            "the object is sealed in format PBE{}, this version reads PBE1",
            bytes[there - 1]
        )));
    }
    Err(damaged("this is not a sealed object: it does not begin with PBE1"))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

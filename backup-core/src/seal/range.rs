//! Random access to a sealed object.

use super::{
    CHUNK_LEN, Expected, Header, PREAMBLE_LEN, SEALED_CHUNK_LEN, damaged,
    opener::{ends_in_header, open_begin},
    schedule::PayloadKeys,
    sizes::plain_len,
};
use crate::{Error, ErrorKind, Result, keys::Keyring};
use std::ops::Range;

/// Opens parts of one object.
///
/// A range that reaches the end of the content is only opened together with the last chunk, so that the end of the object is proved there. What lies
/// outside the ranges that were opened is not proved.
#[derive(Debug)]
pub struct RangeOpener {
    header: Header,
    keys: PayloadKeys,
    first_chunk: u64,
    stored_len: u64,
    plain_len: u64,
}

impl RangeOpener {
    /// Authenticates the header; `begin` are the first bytes of the object ([`super::MAX_HEADER_LEN`] + [`PREAMBLE_LEN`] of them, if it has as many),
    /// `stored_len` is the length of the whole of it.
    ///
    /// # Errors
    /// As [`super::Opener::update`], and [`ErrorKind::Damaged`] if no sealed object has this length.
    pub fn new(begin: &[u8], stored_len: u64, expected: &Expected, ring: &Keyring) -> Result<Self> {
        expected.check_length(stored_len)?;
        let (header, keys) = open_begin(begin, expected, ring)?.ok_or_else(|| ends_in_header(begin))?;
        let plain_len = plain_len(stored_len.saturating_sub(header.payload_offset()))?;
        let first_chunk = header.payload_offset() + PREAMBLE_LEN as u64;
        Ok(Self {
            header,
            keys,
            first_chunk,
            stored_len,
            plain_len,
        })
    }

    /// The authenticated header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Length of the content, as the stored length implies it.
    #[must_use]
    pub fn plain_len(&self) -> u64 {
        self.plain_len
    }

    /// The stored bytes (counted from the beginning of the object) that [`RangeOpener::open`] wants for this range of content.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the range runs backwards or past the end of the content.
    pub fn stored_range(&self, plain: &Range<u64>) -> Result<Range<u64>> {
        let chunks = self.chunks(plain)?;
        let offset = |chunk: u64| self.first_chunk + chunk * SEALED_CHUNK_LEN as u64;
        let start = offset(chunks.start).min(self.stored_len);
        Ok(start..offset(chunks.end).min(self.stored_len).max(start))
    }

    /// The chunks that hold the range; with the last chunk, even an empty one, if the range touches the end.
    fn chunks(&self, plain: &Range<u64>) -> Result<Range<u64>> {
        if plain.start > plain.end || plain.end > self.plain_len {
            let (start, end, length) = (plain.start, plain.end, self.plain_len);
            return Err(Error::new(
                ErrorKind::Internal,
                format!("bytes {start} to {end} were asked for of {length} bytes of content"),
            ));
        }
        let start = plain.start / CHUNK_LEN as u64;
        if plain.end == self.plain_len {
            return Ok(start..self.plain_len / CHUNK_LEN as u64 + 1);
        }
        Ok(start..plain.end.div_ceil(CHUNK_LEN as u64).max(start))
    }

    /// Appends this range of the content to `out`; `stored` are the bytes of [`RangeOpener::stored_range`]. Takes memory for both, and two chunks.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if a chunk does not open; `out` is as it was.
    pub fn open(&self, plain: &Range<u64>, stored: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let wanted = self.stored_range(plain)?;
        if stored.len() as u64 != wanted.end - wanted.start {
            let (found, wanted) = (stored.len(), wanted.end - wanted.start);
            return Err(damaged(format!("the store gave {found} bytes of a range of {wanted}")));
        }
        let chunks = self.chunks(plain)?;
        let before = out.len();
        for (index, sealed) in chunks.clone().zip(stored.chunks(SEALED_CHUNK_LEN)) {
            if let Err(error) = self.keys.open(index, sealed, out) {
                out.truncate(before);
                return Err(error);
            }
        }
        trim(plain, chunks.start * CHUNK_LEN as u64, before, out)
    }
}

/// Cuts what was opened, and begins at `opened` in the content, down to the range.
fn trim(plain: &Range<u64>, opened: u64, before: usize, out: &mut Vec<u8>) -> Result<()> {
    let too_long = |_| Error::new(ErrorKind::Internal, "the range does not fit the memory of this machine");
    let skip = usize::try_from(plain.start.saturating_sub(opened)).map_err(too_long)?;
    let length = usize::try_from(plain.end - plain.start).map_err(too_long)?;
    let end = out.len().min(before + skip);
    out.drain(before..end);
    out.truncate(before + length);
    Ok(())
}

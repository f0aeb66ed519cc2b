//! Lengths of content and of payload.

use super::{CHUNK_LEN, PREAMBLE_LEN, SEALED_CHUNK_LEN, TAG_LEN, damaged};
use crate::{Error, ErrorKind, Result};

/// Length of the payload (salt, commitment and chunks) of `plain` bytes of content. Add [`super::Sealer::payload_offset`] for the whole object.
///
/// # Errors
/// [`ErrorKind::Internal`] if it does not fit 64 bits.
pub fn payload_len(plain: u64) -> Result<u64> {
    let chunks = plain / CHUNK_LEN as u64 + 1;
    let around = chunks * TAG_LEN as u64 + PREAMBLE_LEN as u64;
    plain
        .checked_add(around)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "the content is too long to be sealed"))
}

/// Length of the content of a payload (salt, commitment and chunks) of `payload` bytes.
///
/// # Errors
/// [`ErrorKind::Damaged`] if no payload has that length: it was cut.
pub fn plain_len(payload: u64) -> Result<u64> {
    let chunks = payload.checked_sub(PREAMBLE_LEN as u64).ok_or_else(cut)?;
    let (full, last) = (chunks / SEALED_CHUNK_LEN as u64, chunks % SEALED_CHUNK_LEN as u64);
    let last = last.checked_sub(TAG_LEN as u64).ok_or_else(cut)?;
    Ok(full * CHUNK_LEN as u64 + last)
}

/// The end of the payload is missing.
pub(super) fn cut() -> Error {
    damaged("the sealed object is cut short: its last chunk is missing")
}

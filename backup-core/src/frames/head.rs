//! The head of a frame (RFC 8878, section 3.1.1.1), read before any memory is taken for it.

use super::{MAX_FRAME_LEN, SKIPPABLE_MAGIC, ZSTD_MAGIC, damaged};
use crate::Result;

/// Most bytes that [`Head::read`] wants to see.
pub(super) const MAX_HEAD_LEN: usize = 18;

/// What stands at this place of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// A frame with so many bytes of content.
    Frame(u32),
    /// The skippable frame of the seek table, so many bytes long after its head of 8.
    SeekTable(u32),
}

impl Head {
    /// `None` if the bytes end within the head.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(magic) = le(bytes, 0, 4) else { return Ok(None) };
        if magic == u64::from(SKIPPABLE_MAGIC) {
            return Ok(le(bytes, 4, 4).map(|length| Self::SeekTable(length as u32)));
        }
        if magic != u64::from(ZSTD_MAGIC) {
            return Err(damaged(
                "the compressed content does not go on with a zstd frame or the seek table",
            ));
        }
        let Some(descriptor) = bytes.get(4) else {
            return Ok(None);
        };
        let Some(content) = content_size(bytes, *descriptor)? else {
            return Ok(None);
        };
        match u32::try_from(content) {
            Ok(content) if content as usize <= MAX_FRAME_LEN => Ok(Some(Self::Frame(content))),
            _ => Err(damaged(format!(
                "a zstd frame claims {content} bytes of content; {MAX_FRAME_LEN} is the limit"
            ))),
        }
    }
}

fn content_size(bytes: &[u8], descriptor: u8) -> Result<Option<u64>> {
    let single_segment = descriptor & 0b0010_0000 != 0;
    if descriptor & 0b0000_1011 != 0 {
        return Err(damaged("a zstd frame uses a dictionary or a reserved bit"));
    }
    let (width, plus) = match descriptor >> 6 {
        0 if single_segment => (1, 0),
        0 => return Err(damaged("a zstd frame does not say how much content it has")),
        1 => (2, 256),
        2 => (4, 0),
        _ => (8, 0),
    };
    let at = if single_segment { 5 } else { 6 };
    Ok(le(bytes, at, width).map(|size| size.saturating_add(plus)))
}

fn le(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + width)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}

//! The seek table of zstd's `seekable_format`.

use super::{MAX_COMPRESSED_LEN, MAX_FRAME_LEN, MAX_FRAMES, SEEKABLE_MAGIC, SKIPPABLE_MAGIC, damaged};
use crate::{Error, ErrorKind, Result};
use std::ops::Range;

/// Length of the end of a seek table, from which [`SeekTable::encoded_len`] tells the length of the whole.
pub const FOOTER_LEN: usize = 9;
const HEAD_LEN: usize = 8;
const ENTRY_LEN: usize = 8;

/// The lengths of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Bytes of the frame.
    pub compressed: u32,
    /// Bytes of its content.
    pub content: u32,
}

impl Frame {
    pub(super) fn to_bytes(self) -> [u8; ENTRY_LEN] {
        let ([a, b, c, d], [e, f, g, h]) = (self.compressed.to_le_bytes(), self.content.to_le_bytes());
        [a, b, c, d, e, f, g, h]
    }

    fn from_bytes([a, b, c, d, e, f, g, h]: [u8; ENTRY_LEN]) -> Self {
        let (compressed, content) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        Self { compressed, content }
    }
}

/// The lengths of all frames of an object, in order. Memory: 8 bytes for each frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeekTable {
    frames: Vec<Frame>,
}

impl SeekTable {
    /// Records the next frame.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if there are [`MAX_FRAMES`] already.
    pub fn push(&mut self, frame: Frame) -> Result<()> {
        if self.frames.len() >= MAX_FRAMES as usize {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("an object cannot hold more than {MAX_FRAMES} frames"),
            ));
        }
        self.frames.push(frame);
        Ok(())
    }

    /// All frames, in order.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Length of all content, in bytes.
    #[must_use]
    pub fn content_len(&self) -> u64 {
        self.frames.iter().map(|frame| u64::from(frame.content)).sum()
    }

    /// The bytes that end the object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // `push` keeps both numbers far below 32 bits.
        let count = self.frames.len() as u32;
        let mut bytes = Vec::with_capacity(HEAD_LEN + ENTRY_LEN * self.frames.len() + FOOTER_LEN);
        bytes.extend_from_slice(&head(count));
        for frame in &self.frames {
            bytes.extend_from_slice(&frame.to_bytes());
        }
        bytes.extend_from_slice(&footer(count));
        bytes
    }

    /// Length of the whole seek table, from the last [`FOOTER_LEN`] bytes of the object.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if they are not the end of a seek table.
    pub fn encoded_len(end: &[u8]) -> Result<u64> {
        let end: &[u8; FOOTER_LEN] = end.try_into().map_err(|_| missing())?;
        let [a, b, c, d, ..] = *end;
        let count = u32::from_le_bytes([a, b, c, d]);
        if *end != footer(count) {
            return Err(missing());
        }
        if count > MAX_FRAMES {
            return Err(damaged(format!(
                "the seek table claims {count} frames; {MAX_FRAMES} is the limit"
            )));
        }
        Ok((HEAD_LEN + FOOTER_LEN) as u64 + ENTRY_LEN as u64 * u64::from(count))
    }

    /// Reads a whole seek table; `frames_len` is the number of bytes before it in the object, which the frames must fill exactly.
    ///
    /// Takes memory for the table only, which is as long as `bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`], and what is wrong.
    pub fn parse(bytes: &[u8], frames_len: u64) -> Result<Self> {
        let end = bytes.last_chunk::<FOOTER_LEN>().ok_or_else(missing)?;
        if Self::encoded_len(end)? != bytes.len() as u64 {
            return Err(damaged("the seek table is not as long as it says"));
        }
        let entries = &bytes[HEAD_LEN..bytes.len() - FOOTER_LEN];
        if bytes[..HEAD_LEN] != head((entries.len() / ENTRY_LEN) as u32) {
            return Err(damaged("the seek table does not begin as one"));
        }
        let (entries, _) = entries.as_chunks::<ENTRY_LEN>();
        let frames: Vec<_> = entries.iter().copied().map(Frame::from_bytes).collect();
        if frames.iter().any(|frame| !plausible(*frame)) {
            return Err(damaged("the seek table claims a frame that is longer than the limit"));
        }
        let total: u64 = frames.iter().map(|frame| u64::from(frame.compressed)).sum();
        if total != frames_len {
            return Err(damaged(format!(
                "the seek table claims {total} bytes of frames, there are {frames_len}"
            )));
        }
        Ok(Self { frames })
    }

    /// The frames that hold a range of the content, each with where it begins in the compressed bytes and in the content.
    pub fn locate(&self, content: Range<u64>) -> impl Iterator<Item = (Frame, u64, u64)> {
        let starts = self.frames.iter().scan((0, 0), |(compressed, plain), frame| {
            let here = (*frame, *compressed, *plain);
            *compressed += u64::from(frame.compressed);
            *plain += u64::from(frame.content);
            Some(here)
        });
        starts.filter(move |(frame, _, start)| *start < content.end && start + u64::from(frame.content) > content.start)
    }
}

fn plausible(frame: Frame) -> bool {
    frame.content as usize <= MAX_FRAME_LEN && frame.compressed as usize <= MAX_COMPRESSED_LEN
}

/// The first bytes of the seek table of so many frames.
pub(super) fn head(count: u32) -> [u8; HEAD_LEN] {
    let length = count.saturating_mul(ENTRY_LEN as u32).saturating_add(FOOTER_LEN as u32);
    let ([a, b, c, d], [e, f, g, h]) = (SKIPPABLE_MAGIC.to_le_bytes(), length.to_le_bytes());
    [a, b, c, d, e, f, g, h]
}

/// The last bytes of the seek table of so many frames.
pub(super) fn footer(count: u32) -> [u8; FOOTER_LEN] {
    let ([a, b, c, d], [e, f, g, h]) = (count.to_le_bytes(), SEEKABLE_MAGIC.to_le_bytes());
    [a, b, c, d, 0, e, f, g, h]
}

fn missing() -> Error {
    damaged("the compressed content does not end in a seek table: it is cut short or was made by something else")
}

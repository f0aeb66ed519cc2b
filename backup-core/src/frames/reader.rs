//! One frame, for random access.

use super::{Frame, MAX_COMPRESSED_LEN, damaged, head::Head};
use crate::{Error, ErrorKind, Result};
use std::{fmt, io::Cursor};
use zstd::bulk::Decompressor;

/// Decompresses single frames that a [`super::SeekTable`] located.
pub struct FrameReader(Decompressor<'static>);

impl FrameReader {
    /// A reader with a context of its own; use it again for many frames.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if memory ran out.
    pub fn new() -> Result<Self> {
        let made = Decompressor::new().map(Self);
        made.map_err(|error| Error::new(ErrorKind::Internal, "zstd could not be set up").because(error))
    }

    /// Appends the content of one whole frame to `out`. Takes memory for `frame.content` bytes, at most [`super::MAX_FRAME_LEN`].
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if `bytes` are not exactly this frame; `out` is as it was.
    pub fn read(&mut self, frame: Frame, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let long = bytes.len() != frame.compressed as usize || bytes.len() > MAX_COMPRESSED_LEN;
        if long || Head::read(bytes)? != Some(Head::Frame(frame.content)) {
            return Err(damaged("a zstd frame is not the one of the seek table"));
        }
        let before = out.len();
        out.reserve(frame.content as usize);
        let mut end = Cursor::new(&mut *out);
        end.set_position(before as u64);
        match self.0.decompress_to_buffer(bytes, &mut end) {
            Ok(made) if made == frame.content as usize => Ok(()),
            Ok(_) => {
                out.truncate(before);
                Err(damaged("a zstd frame holds more or less than the seek table says"))
            }
            Err(error) => {
                out.truncate(before);
                Err(damaged("a zstd frame does not decompress").because(error))
            }
        }
    }
}

impl fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameReader")
    }
}

//! One frame from one piece of content.

use super::{Frame, MAX_FRAME_LEN, stored::store_frame};
use crate::{Error, ErrorKind, Result};
use std::{
    fmt,
    io::Cursor,
    sync::{Mutex, PoisonError},
};
use zstd::{bulk::Compressor, zstd_safe::CParameter};

/// Level of compression unless another is asked for.
pub const DEFAULT_LEVEL: i32 = 3;
/// How the default level differs from zstd's own. Rows of a database are full of digits that never repeat: matches of five bytes hardly pay, and each
/// probe of a table that is larger than a core's cache costs more than what it finds. Against zstd's own level 3, in frames of 2 MiB on the tables of the
/// benchmarks: 1.5 to 3.6 times as fast, and 1 to 2 % smaller (`docs/PERFORMANCE.md`); text that repeats itself far apart comes out 2 % larger. Tables of 128 and 64 KiB, where zstd takes 512 and 256.
const TUNED: [CParameter; 3] = [
    CParameter::HashLog(15),
    CParameter::ChainLog(14),
    CParameter::MinMatch(6),
];
pub(super) const LEVELS: std::ops::RangeInclusive<i32> = 1..=19;
/// Shorter content is compressed without looking at a sample first.
const SAMPLED_FROM: usize = 256 * 1024;
const SAMPLES: usize = 4;
const SAMPLE_LEN: usize = 16 * 1024;

/// Compresses frames.
///
/// Called from many threads at once; each call borrows a context, so there are as many contexts as calls ever ran at once
/// ([`context_len`](super::context_len) each), and none is made anew after that. Equal content gives equal bytes.
pub struct FrameEncoder {
    level: i32,
    contexts: Mutex<Vec<Context>>,
}

struct Context {
    frame: Compressor<'static>,
    sample: Compressor<'static>,
    taken: Vec<u8>,
    squeezed: Vec<u8>,
}

impl FrameEncoder {
    /// Compresses at this level, 1 to 19.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for another level.
    pub fn new(level: i32) -> Result<Self> {
        if !LEVELS.contains(&level) {
            return Err(
                Error::new(ErrorKind::Config, format!("there is no compression level {level}"))
                    .hint("levels are 1 (fast) to 19 (small); 3 is the default"),
            );
        }
        Ok(Self {
            level,
            contexts: Mutex::default(),
        })
    }

    /// Appends one frame that holds `plain`, at most [`MAX_FRAME_LEN`] bytes, to `out`, and says what to put into the seek table.
    ///
    /// Content of which a sample does not compress is stored as it is. Empty content gives no frame: the answer is then `None`.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the content is too long, or memory ran out; `out` is as it was.
    pub fn compress_frame(&self, plain: &[u8], out: &mut Vec<u8>) -> Result<Option<Frame>> {
        if plain.is_empty() {
            return Ok(None);
        }
        if plain.len() > MAX_FRAME_LEN {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("a frame cannot hold {} bytes", plain.len()),
            ));
        }
        let content = plain.len() as u32;
        let before = out.len();
        let mut context = self.borrow()?;
        let worth_it = context.is_worth_it(plain)?;
        if !worth_it || !context.compress(plain, out)? {
            store_frame(plain, content, out);
        }
        self.give_back(context);
        let compressed = u32::try_from(out.len() - before);
        let compressed = compressed.map_err(|_| Error::new(ErrorKind::Internal, "the frame became too long"))?;
        Ok(Some(Frame { compressed, content }))
    }

    fn borrow(&self) -> Result<Context> {
        let pooled = self.contexts.lock().unwrap_or_else(PoisonError::into_inner).pop();
        pooled.map_or_else(|| Context::new(self.level), Ok)
    }

    fn give_back(&self, context: Context) {
        self.contexts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(context);
    }
}

impl fmt::Debug for FrameEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameEncoder")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

impl Context {
    fn new(level: i32) -> Result<Self> {
        let mut frame = Compressor::new(level).map_err(failed)?;
        if level == DEFAULT_LEVEL {
            for parameter in TUNED {
                frame.set_parameter(parameter).map_err(failed)?;
            }
        }
        Ok(Self {
            frame,
            sample: Compressor::new(1).map_err(failed)?,
            taken: Vec::with_capacity(SAMPLES * SAMPLE_LEN),
            squeezed: Vec::with_capacity(zstd::zstd_safe::compress_bound(SAMPLES * SAMPLE_LEN)),
        })
    }

    /// Bytes that it holds, as zstd counts its own.
    #[cfg(test)]
    fn len(&mut self) -> usize {
        let zstd = self.frame.context_mut().sizeof() + self.sample.context_mut().sizeof();
        zstd + self.taken.capacity() + self.squeezed.capacity()
    }

    /// Whether four samples, spread over the content, shrink by a 32nd at least.
    fn is_worth_it(&mut self, plain: &[u8]) -> Result<bool> {
        if plain.len() < SAMPLED_FROM {
            return Ok(true);
        }
        self.taken.clear();
        for piece in plain.chunks_exact(plain.len() / SAMPLES).take(SAMPLES) {
            self.taken.extend_from_slice(&piece[..SAMPLE_LEN]);
        }
        let squeezed = self
            .sample
            .compress_to_buffer(&self.taken, &mut self.squeezed)
            .map_err(failed)?;
        Ok(squeezed <= self.taken.len() - self.taken.len() / 32)
    }

    /// Appends the compressed frame; `false`, and nothing appended, if it came out longer than its content.
    fn compress(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        let before = out.len();
        out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        let mut end = Cursor::new(&mut *out);
        end.set_position(before as u64);
        let made = self.frame.compress_to_buffer(plain, &mut end);
        if !matches!(made, Ok(length) if length < plain.len()) {
            out.truncate(before);
        }
        made.map(|length| length < plain.len()).map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, "zstd failed to compress").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::context_len;

    /// Compressible, and nowhere twice the same for long.
    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i.wrapping_mul(i) >> 3) as u8).collect()
    }

    #[test]
    fn no_context_holds_more_than_its_level_says() {
        for frame in [1 << 20, 2 << 20, MAX_FRAME_LEN] {
            let content = content(frame);
            for level in LEVELS {
                let (encoder, mut out) = (FrameEncoder::new(level).unwrap(), Vec::new());
                for length in [frame, 300 << 10, 100 << 10, 10 << 10, 1] {
                    out.clear();
                    encoder.compress_frame(&content[..length], &mut out).unwrap();
                    let mut context = encoder.borrow().unwrap();
                    let (held, said) = (context.len(), context_len(level, frame));
                    encoder.give_back(context);
                    assert!(
                        held <= said,
                        "level {level}, {length} of {frame} bytes: {held} of {said}"
                    );
                }
            }
        }
    }
}

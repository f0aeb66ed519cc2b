//! All content of an object, from first to last.

use super::{
    Frame, MAX_COMPRESSED_LEN, damaged,
    head::{Head, MAX_HEAD_LEN},
    tail::{Seen, Tail},
};
use crate::{Error, ErrorKind, Result};
use std::fmt;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// Decompresses frames, and checks the seek table against them.
///
/// Memory: one frame (zstd's window, at most 4 MiB) and a constant, whatever the number of frames and whatever a head claims.
pub struct FrameDecoder {
    zstd: Decoder<'static>,
    state: State,
}

enum State {
    /// Between two frames, with what is there of the next head.
    Head(Vec<u8>, Seen),
    /// Within a frame of so much content.
    Frame(Progress, Seen),
    Tail(Tail),
    Failed,
}

/// What went through of a frame.
#[derive(Clone, Copy)]
struct Progress {
    content: u32,
    read: usize,
    made: usize,
}

impl FrameDecoder {
    /// A decoder at the beginning of the content.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if memory ran out.
    pub fn new() -> Result<Self> {
        let mut zstd = Decoder::new().map_err(failed)?;
        // 4 MiB, the most that a frame may hold: a head that wants a larger window is refused.
        zstd.set_parameter(zstd::zstd_safe::DParameter::WindowLogMax(22))
            .map_err(failed)?;
        let state = State::Head(Vec::with_capacity(MAX_HEAD_LEN), Seen::default());
        Ok(Self { zstd, state })
    }

    /// Takes compressed bytes, cut anywhere, appends their content to `out`, and says how many it took. It stops after each frame, so that one call
    /// appends at most [`super::MAX_FRAME_LEN`] bytes: call it again with the rest until all are taken.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if this is not the format, or a limit is broken. Every later call fails too.
    pub fn update(&mut self, compressed: &[u8], out: &mut Vec<u8>) -> Result<usize> {
        let mut taken = 0;
        loop {
            let rest = &compressed[taken..];
            let frame_ends;
            let state = std::mem::replace(&mut self.state, State::Failed);
            let used = match state {
                State::Failed => return Err(Error::new(ErrorKind::Internal, "decompression failed before")),
                State::Head(head, seen) => {
                    frame_ends = false;
                    self.read_head(head, seen, rest, out)?
                }
                State::Frame(progress, seen) => {
                    let used = self.decompress(progress, seen, rest, out)?;
                    frame_ends = matches!(self.state, State::Head(..));
                    used
                }
                State::Tail(mut tail) => {
                    frame_ends = true;
                    tail.update(rest)?;
                    self.state = State::Tail(tail);
                    rest.len()
                }
            };
            taken += used;
            if frame_ends || taken == compressed.len() {
                return Ok(taken);
            }
        }
    }

    /// Reads the head byte by byte, as short as it is: what follows it belongs to the frame.
    fn read_head(&mut self, mut head: Vec<u8>, seen: Seen, rest: &[u8], out: &mut Vec<u8>) -> Result<usize> {
        for (used, byte) in (1..).zip(rest) {
            head.push(*byte);
            match Head::read(&head)? {
                None => {}
                Some(Head::Frame(content)) => {
                    out.reserve(content as usize);
                    let begin = Progress {
                        content,
                        read: 0,
                        made: 0,
                    };
                    self.decompress(begin, seen, &head, out)?;
                    return Ok(used);
                }
                Some(Head::SeekTable(length)) => {
                    self.state = State::Tail(seen.expect(length)?);
                    return Ok(used);
                }
            }
        }
        self.state = State::Head(head, seen);
        Ok(rest.len())
    }

    /// Feeds zstd until it wants more or the frame ends.
    fn decompress(&mut self, mut progress: Progress, mut seen: Seen, rest: &[u8], out: &mut Vec<u8>) -> Result<usize> {
        let mut input = InBuffer::around(rest);
        loop {
            let (before, made) = (input.pos(), out.len());
            out.reserve(progress.content as usize - progress.made);
            let mut output = OutBuffer::around_pos(&mut *out, made);
            let wanted = self.zstd.run(&mut input, &mut output).map_err(broken)?;
            progress.read += input.pos() - before;
            progress.made += out.len() - made;
            if progress.made > progress.content as usize || progress.read > MAX_COMPRESSED_LEN {
                return Err(damaged("a zstd frame is longer than it says"));
            }
            if wanted == 0 {
                seen.push(progress.frame()?)?;
                self.state = State::Head(Vec::with_capacity(MAX_HEAD_LEN), seen);
                return Ok(input.pos());
            }
            if input.pos() == rest.len() {
                self.state = State::Frame(progress, seen);
                return Ok(rest.len());
            }
            if (input.pos(), out.len()) == (before, made) {
                return Err(damaged("a zstd frame holds more than it says"));
            }
        }
    }

    /// Says that there are no more bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] unless the frames were followed by a seek table that agrees with them.
    pub fn finish(self) -> Result<()> {
        match self.state {
            State::Tail(tail) => tail.finish(),
            State::Head(..) => Err(damaged(
                "the compressed content is cut short: its seek table is missing",
            )),
            State::Frame(..) => Err(damaged("the compressed content is cut short: it ends within a frame")),
            State::Failed => Err(Error::new(ErrorKind::Internal, "decompression failed before")),
        }
    }
}

impl fmt::Debug for FrameDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Head(..) => "between frames",
            State::Frame(..) => "within a frame",
            State::Tail(_) => "seek table",
            State::Failed => "failed",
        };
        f.debug_tuple("FrameDecoder").field(&state).finish()
    }
}

impl Progress {
    fn frame(self) -> Result<Frame> {
        if self.made != self.content as usize {
            return Err(damaged("a zstd frame holds less than it says"));
        }
        let compressed = u32::try_from(self.read).map_err(|_| damaged("a zstd frame is too long"))?;
        Ok(Frame {
            compressed,
            content: self.content,
        })
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, "zstd could not be set up").because(error)
}

fn broken(error: std::io::Error) -> Error {
    damaged("a zstd frame does not decompress").because(error)
}

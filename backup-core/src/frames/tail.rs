//! The seek table as the decoder checks it: against what was read, in constant memory.

use super::{Frame, MAX_FRAMES, damaged, seek_table};
use crate::Result;
use sha2::{Digest, Sha256};

/// What the frames that were read make of the seek table: its length and the digest of its bytes.
#[derive(Debug, Default)]
pub(super) struct Seen {
    frames: u32,
    entries: Sha256,
}

impl Seen {
    pub(super) fn push(&mut self, frame: Frame) -> Result<()> {
        if self.frames >= MAX_FRAMES {
            return Err(damaged(format!("the content has more than {MAX_FRAMES} frames")));
        }
        self.frames += 1;
        self.entries.update(frame.to_bytes());
        Ok(())
    }

    /// What is left to read of the seek table after its head, if the head is the one that belongs here.
    pub(super) fn expect(self, length: u32) -> Result<Tail> {
        let head = seek_table::head(self.frames);
        if head[4..] != length.to_le_bytes() {
            return Err(damaged(format!(
                "the seek table does not have the {} frames that were read",
                self.frames
            )));
        }
        let left = u64::from(length);
        let (frames, wanted) = (self.frames, self.entries.finalize().into());
        Ok(Tail {
            frames,
            wanted,
            found: Sha256::new(),
            end: Vec::with_capacity(seek_table::FOOTER_LEN),
            left,
        })
    }
}

/// A seek table that is being read.
#[derive(Debug)]
pub(super) struct Tail {
    frames: u32,
    wanted: [u8; 32],
    found: Sha256,
    end: Vec<u8>,
    left: u64,
}

impl Tail {
    /// Takes all of the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 > self.left {
            return Err(damaged("the compressed content goes on after its seek table"));
        }
        let entries = self.left.saturating_sub(seek_table::FOOTER_LEN as u64);
        let entries = usize::try_from(entries).unwrap_or(usize::MAX).min(bytes.len());
        self.left -= bytes.len() as u64;
        self.found.update(&bytes[..entries]);
        self.end.extend_from_slice(&bytes[entries..]);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<()> {
        if self.left > 0 {
            return Err(damaged("the compressed content ends within its seek table"));
        }
        if self.found.finalize().as_slice() != self.wanted || self.end != seek_table::footer(self.frames) {
            return Err(damaged("the seek table does not agree with the frames"));
        }
        Ok(())
    }
}

//! One gzip member (RFC 1952), with its header and trailer looked at byte by byte.

use super::flaw::Flaw;
use flate2::{Crc, Decompress, FlushDecompress, Status};

/// How much is decompressed at once.
pub(super) const PIECE: usize = 256 << 10;
const HEADER: usize = 10;
const TRAILER: usize = 8;

#[derive(Debug)]
enum Phase {
    Header,
    Body,
    Trailer,
    End,
}

/// Decompresses what is pushed to it. The data may be deflated or merely stored.
pub(super) struct Gunzip {
    phase: Phase,
    /// Bytes of the header or trailer, as they come.
    frame: [u8; HEADER],
    have: usize,
    inflater: Decompress,
    piece: Vec<u8>,
    crc: Crc,
    /// Bytes of the file that were used.
    offset: u64,
}

/// How far the file went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// To its last byte.
    Whole,
    /// Into the trailer; what there is of it is right.
    InTrailer,
    /// Not even that far.
    Early,
}

impl Gunzip {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Header,
            frame: [0; HEADER],
            have: 0,
            inflater: Decompress::new(false),
            piece: vec![0; PIECE],
            crc: Crc::new(),
            offset: 0,
        }
    }

    /// Bytes of the file that were used.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the next bytes of the file and gives what they unpack to, in pieces.
    pub(super) fn feed<E: From<Flaw>>(
        &mut self,
        mut input: &[u8],
        out: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !input.is_empty() {
            match self.phase {
                Phase::Header => self.header(&mut input)?,
                Phase::Trailer => self.trailer(&mut input)?,
                Phase::Body => self.inflate(&mut input, out)?,
                Phase::End => return Err(Flaw::TrailingBytes.into()),
            }
        }
        Ok(())
    }

    /// How far the file went, when no byte follows.
    pub(super) fn end(&self) -> Result<End, Flaw> {
        match self.phase {
            Phase::End => Ok(End::Whole),
            Phase::Trailer => {
                self.check_trailer(self.have)?;
                Ok(End::InTrailer)
            }
            Phase::Header | Phase::Body => Ok(End::Early),
        }
    }

    /// Collects up to `size` bytes of the frame; says whether all are there.
    fn fill(&mut self, size: usize, input: &mut &[u8]) -> bool {
        let (now, later) = input.split_at(input.len().min(size - self.have));
        self.frame[self.have..self.have + now.len()].copy_from_slice(now);
        self.have += now.len();
        self.offset += now.len() as u64;
        *input = later;
        self.have == size
    }

    /// Magic, method and flags are looked at; time, level and system say nothing about the data.
    fn header(&mut self, input: &mut &[u8]) -> Result<(), Flaw> {
        if !self.fill(HEADER, input) {
            return Ok(());
        }
        match self.frame {
            [0x1f, 0x8b, 8, 0, ..] => {
                self.phase = Phase::Body;
                self.have = 0;
                Ok(())
            }
            [0x1f, 0x8b, 8, ..] => Err(Flaw::GzipFields),
            _ => Err(Flaw::NotGzip),
        }
    }

    fn inflate<E: From<Flaw>>(
        &mut self,
        input: &mut &[u8],
        out: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let (read, written) = (self.inflater.total_in(), self.inflater.total_out());
            let status = self.inflater.decompress(input, &mut self.piece, FlushDecompress::None);
            let read = length(self.inflater.total_in() - read);
            let written = length(self.inflater.total_out() - written);
            self.offset += read as u64;
            *input = &input[read..];
            self.crc.update(&self.piece[..written]);
            // Before the damage is looked at: what came out before it may be wrong already, whatever the size of the pieces.
            out(&self.piece[..written])?;
            match status {
                Err(_) => return Err(Flaw::Deflate.into()),
                Ok(Status::StreamEnd) => {
                    self.phase = Phase::Trailer;
                    return Ok(());
                }
                Ok(_) if written < self.piece.len() => {
                    return if input.is_empty() {
                        Ok(())
                    } else {
                        Err(Flaw::Deflate.into())
                    };
                }
                Ok(_) => {}
            }
        }
    }

    fn trailer(&mut self, input: &mut &[u8]) -> Result<(), Flaw> {
        if self.fill(TRAILER, input) {
            self.check_trailer(TRAILER)?;
            self.phase = Phase::End;
        }
        Ok(())
    }

    /// Compares the first `have` bytes of the trailer: CRC-32 and length, both little-endian.
    fn check_trailer(&self, have: usize) -> Result<(), Flaw> {
        let (sum, length) = (self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes());
        if self.frame[..have.min(4)] != sum[..have.min(4)] {
            return Err(Flaw::Checksum);
        }
        let rest = have.saturating_sub(4);
        if self.frame[4..4 + rest] != length[..rest] {
            return Err(Flaw::Length);
        }
        Ok(())
    }
}

/// A difference of two counts within one piece.
fn length(difference: u64) -> usize {
    usize::try_from(difference).unwrap_or(usize::MAX)
}

impl std::fmt::Debug for Gunzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gunzip")
            .field("phase", &self.phase)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

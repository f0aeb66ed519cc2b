//! The walk over a whole archive.

use super::{
    blocks::BlockWalk,
    budget::{Budget, Limits},
    contents::{ArchiveHeader, Contents, DumpCompression},
    header::{HeaderEnd, HeaderReader},
    toc::TocReader,
};
use backup_core::{Error, ErrorKind, Result};

/// What is wrong with an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flaw(pub(super) &'static str);

/// What a complete walk proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Walked {
    /// Header, table of contents and every data block are there, and nothing else.
    Complete(Box<Contents>),
    /// The archive has a layout that is not known here (a version before 1.12 or after 1.16): only its first bytes were looked at.
    UnknownLayout {
        /// Its version: major, minor, revision.
        version: (u8, u8, u8),
    },
}

#[derive(Debug)]
enum Phase {
    Header(Box<HeaderReader>),
    Toc(Box<TocReader>),
    Blocks(Box<(Contents, BlockWalk)>),
    Unknown((u8, u8, u8)),
    Broken(&'static str),
}

/// Walks over an archive that is pushed to it piece by piece.
///
/// Memory: what [`Limits::kept`] says, whatever the archive claims. A truncated archive is found by [`ArchiveWalk::finish`], damage of the
/// structure by [`ArchiveWalk::push`]; a flipped bit inside a row is not (digests find that).
#[derive(Debug)]
pub struct ArchiveWalk {
    phase: Phase,
    offset: u64,
    budget: Budget,
    limits: Limits,
}

impl Default for ArchiveWalk {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl ArchiveWalk {
    /// Begins at the first byte of an archive.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            phase: Phase::Header(Box::new(HeaderReader::new())),
            offset: 0,
            budget: Budget::new(limits),
            limits,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Damaged` if this is not the archive of a `pg_dump`, and from then on always.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let mut input = bytes;
        let result = self.advance(&mut input);
        self.offset += (bytes.len() - input.len()) as u64;
        result.map_err(|flaw| {
            self.phase = Phase::Broken(flaw.0);
            self.damaged(flaw.0)
        })
    }

    /// The table of contents, once it has gone by; rows are known of the blocks that have gone by too.
    #[must_use]
    pub fn contents(&self) -> Option<&Contents> {
        match &self.phase {
            Phase::Blocks(blocks) => Some(&blocks.0),
            _ => None,
        }
    }

    /// The header, once it has gone by.
    #[must_use]
    pub fn header(&self) -> Option<&ArchiveHeader> {
        match &self.phase {
            Phase::Toc(toc) => Some(toc.header()),
            Phase::Blocks(blocks) => Some(&blocks.0.header),
            _ => None,
        }
    }

    /// Whether the layout turned out to be one that cannot be walked.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.phase, Phase::Unknown(_))
    }

    /// Bytes walked so far.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Ends the walk: the archive has no more bytes.
    ///
    /// # Errors
    /// `Damaged` if it is not complete.
    pub fn finish(self) -> Result<Walked> {
        match self.phase {
            Phase::Blocks(blocks) if blocks.1.complete() => Ok(Walked::Complete(Box::new(blocks.0))),
            Phase::Unknown(version) => Ok(Walked::UnknownLayout { version }),
            Phase::Broken(flaw) => Err(self.damaged(flaw)),
            _ => Err(self.damaged("it ends too early")),
        }
    }

    fn damaged(&self, flaw: &str) -> Error {
        Error::new(
            ErrorKind::Damaged,
            format!("the dump is not a complete archive at byte {}: {flaw}", self.offset),
        )
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<(), Flaw> {
        loop {
            let next = match &mut self.phase {
                Phase::Header(header) => match header.read(input, &mut self.budget)? {
                    Some(end) => self.after_header(end)?,
                    None => return Ok(()),
                },
                Phase::Toc(toc) => {
                    if !toc.read(input, &mut self.budget)? {
                        return Ok(());
                    }
                    self.after_toc()
                }
                Phase::Blocks(blocks) => {
                    let (contents, walk) = &mut **blocks;
                    while let Some((place, rows)) = walk.read(input, &mut self.budget)? {
                        contents.data[place].rows = Some(rows);
                    }
                    return Ok(());
                }
                Phase::Unknown(_) => {
                    *input = &[];
                    return Ok(());
                }
                Phase::Broken(flaw) => return Err(Flaw(flaw)),
            };
            self.phase = next;
        }
    }

    fn after_header(&self, end: HeaderEnd) -> Result<Phase, Flaw> {
        match end {
            HeaderEnd::Unknown(version) => Ok(Phase::Unknown(version)),
            HeaderEnd::Toc(header) if header.entries > self.limits.entries => {
                Err(Flaw("its table of contents has more entries than the limit"))
            }
            HeaderEnd::Toc(header) => Ok(Phase::Toc(Box::new(TocReader::new(Contents::new(header))))),
        }
    }

    fn after_toc(&mut self) -> Phase {
        let broken = "its table of contents was read twice";
        let Phase::Toc(toc) = std::mem::replace(&mut self.phase, Phase::Broken(broken)) else {
            return Phase::Broken(broken);
        };
        let (contents, expected) = toc.into_parts();
        let plain = contents.header.compression == DumpCompression::None;
        Phase::Blocks(Box::new((contents, BlockWalk::new(expected, plain))))
    }
}

//! The tar archive around the four files.

use super::{
    flaw::{Flaw, Place},
    limits::Limits,
    members::Members,
    pax,
    tar_header::{BLOCK, Kind, TarHeader},
};

#[derive(Debug)]
enum Part {
    Header,
    Pax { left: usize, records: Vec<u8> },
    Content { left: u64, size: u64 },
    Padding { left: usize },
    SecondZeroBlock,
    End,
}

/// Walks over an archive that is pushed to it.
#[derive(Debug)]
pub(super) struct Archive {
    part: Part,
    block: Box<[u8; BLOCK]>,
    have: usize,
    /// Bytes of the archive that were used.
    offset: u64,
    /// From an extended header, for the next file.
    size: Option<u64>,
    members: Members,
    pax_limit: usize,
}

impl Archive {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            part: Part::Header,
            block: Box::new([0; BLOCK]),
            have: 0,
            offset: 0,
            size: None,
            members: Members::new(limits),
            pax_limit: limits.pax,
        }
    }

    /// Takes the next bytes of the archive.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Flaw> {
        while !bytes.is_empty() {
            let used = self.take(bytes)?;
            self.offset += used as u64;
            bytes = &bytes[used..];
        }
        Ok(())
    }

    /// Whether all four files and both zero blocks have gone by.
    pub(super) fn complete(&self) -> bool {
        matches!(self.part, Part::End)
    }

    /// Bytes so far.
    pub(super) fn length(&self) -> u64 {
        self.offset
    }

    /// Where `flaw` is, right after it was found.
    pub(super) fn place(&self, flaw: Flaw) -> Place {
        let member = self.members.current();
        match (&self.part, member) {
            (Part::Content { left, size }, Some(member)) => {
                let byte = match flaw {
                    Flaw::Cut | Flaw::Deflate => size - left,
                    _ => self.members.position(),
                };
                Place::Member { member, byte }
            }
            _ => Place::Archive {
                byte: self.offset - self.offset % BLOCK as u64,
                member,
            },
        }
    }

    /// The files, of a complete archive.
    pub(super) fn into_members(self) -> Members {
        self.members
    }

    fn take(&mut self, bytes: &[u8]) -> Result<usize, Flaw> {
        match &mut self.part {
            Part::Header | Part::SecondZeroBlock => self.block(bytes),
            Part::Pax { left, records } => {
                let count = bytes.len().min(*left);
                records.extend_from_slice(&bytes[..count]);
                *left -= count;
                if *left == 0 {
                    self.end_pax()?;
                }
                Ok(count)
            }
            Part::Content { left, size } => {
                let count = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.members.feed(&bytes[..count])?;
                *left -= count as u64;
                if *left == 0 {
                    let padding = padding(*size);
                    self.members.end()?;
                    self.part = padding;
                }
                Ok(count)
            }
            Part::Padding { left } => {
                let count = bytes.len().min(*left);
                if bytes[..count].iter().any(|byte| *byte != 0) {
                    return Err(Flaw::Padding);
                }
                *left -= count;
                if *left == 0 {
                    self.part = Part::Header;
                }
                Ok(count)
            }
            Part::End => Err(Flaw::ArchiveTail),
        }
    }

    /// Collects a block and acts on it once it is whole.
    fn block(&mut self, bytes: &[u8]) -> Result<usize, Flaw> {
        let count = bytes.len().min(BLOCK - self.have);
        self.block[self.have..self.have + count].copy_from_slice(&bytes[..count]);
        self.have += count;
        if self.have == BLOCK {
            self.have = 0;
            self.part = self.after_block()?;
        }
        Ok(count)
    }

    fn after_block(&mut self) -> Result<Part, Flaw> {
        let zero = self.block.iter().all(|byte| *byte == 0);
        match (&self.part, zero, self.members.current()) {
            (Part::SecondZeroBlock, true, _) => Ok(Part::End),
            (Part::SecondZeroBlock, false, _) => Err(Flaw::EndBlocks),
            (_, true, None) => Ok(Part::SecondZeroBlock),
            (_, true, Some(_)) => Err(Flaw::MissingMember),
            (_, false, _) => self.header(),
        }
    }

    fn header(&mut self) -> Result<Part, Flaw> {
        let header = TarHeader::parse(&self.block)?;
        if header.kind == Kind::Pax {
            let left = usize::try_from(header.size)
                .ok()
                .filter(|size| *size <= self.pax_limit && *size > 0);
            let left = left.filter(|_| self.size.is_none()).ok_or(Flaw::Pax)?;
            let records = Vec::with_capacity(left);
            return Ok(Part::Pax { left, records });
        }
        let size = self.size.take().unwrap_or(header.size);
        self.members.begin(header.name, size)?;
        Ok(Part::Content { left: size, size })
    }

    fn end_pax(&mut self) -> Result<(), Flaw> {
        if let Part::Pax { records, .. } = &self.part {
            self.size = pax::size(records)?;
            self.part = padding(records.len() as u64);
        }
        Ok(())
    }

    /// Bytes held, for the test of the limits.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let records = match &self.part {
            Part::Pax { records, .. } => records.capacity(),
            _ => 0,
        };
        BLOCK + records + self.members.held()
    }
}

/// What follows a file of `size` bytes: it fills its last block.
fn padding(size: u64) -> Part {
    match (size % BLOCK as u64) as usize {
        0 => Part::Header,
        part => Part::Padding { left: BLOCK - part },
    }
}

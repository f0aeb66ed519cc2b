//! One header of a tar archive (USTAR), as Go's `archive/tar` writes it.

use super::flaw::Flaw;

pub(super) const BLOCK: usize = 512;
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// What a header announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file.
    File,
    /// Extended attributes of the file that follows.
    Pax,
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TarHeader<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a [u8],
    pub(super) size: u64,
}

impl<'a> TarHeader<'a> {
    /// Reads a header. Mode, owner and times say nothing about the data; its checksum covers them.
    pub(super) fn parse(block: &'a [u8; BLOCK]) -> Result<Self, Flaw> {
        if octal(&block[148..154]) != Some(checksum(block)) || block[154..156] != *b"\0 " {
            return Err(Flaw::HeaderChecksum);
        }
        // The name in two parts is for long names: none of ours.
        if block[257..265] != *b"ustar\x0000" || block[345] != 0 {
            return Err(Flaw::Header);
        }
        let kind = match block[156] {
            b'0' => Kind::File,
            b'x' => Kind::Pax,
            _ => return Err(Flaw::Header),
        };
        let size = octal(&block[124..135])
            .filter(|_| block[135] == 0)
            .ok_or(Flaw::Header)?;
        let name = block[..100].split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Self { kind, name, size })
    }
}

/// The sum of all bytes, those of the sum itself taken as spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let own: u64 = block[CHECKSUM].iter().map(|byte| u64::from(*byte)).sum();
    let all: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    all - own + 8 * u64::from(b' ')
}

/// A number in octal digits, nothing else.
fn octal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'7' => Some(value << 3 | u64::from(digit - b'0')),
        _ => None,
    })
}

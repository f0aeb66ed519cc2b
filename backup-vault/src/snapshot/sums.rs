//! `SHA256SUMS`: one line per file, in either order (Go walks over a map).

use super::flaw::{Flaw, Member};
use backup_core::hex;

/// A SHA-256.
pub type Digest = [u8; 32];

/// Two lines of 64 digits, two spaces, the name and a line feed.
pub(super) const LENGTH: usize = 2 * (64 + 2 + 1) + "meta.json".len() + "state.bin".len();

#[derive(Debug)]
pub(super) struct Sums {
    pub(super) meta: Digest,
    pub(super) state: Digest,
}

/// Reads the list: each file exactly once.
pub(super) fn parse(text: &[u8]) -> Result<Sums, Flaw> {
    let text = std::str::from_utf8(text).ok().and_then(|text| text.strip_suffix('\n'));
    let (first, second) = text.and_then(|text| text.split_once('\n')).ok_or(Flaw::Sums)?;
    let sum = |member| line(first, member).or_else(|| line(second, member)).ok_or(Flaw::Sums);
    Ok(Sums {
        meta: sum(Member::Meta)?,
        state: sum(Member::State)?,
    })
}

fn line(line: &str, member: Member) -> Option<Digest> {
    let (sum, name) = line.split_once("  ")?;
    hex::decode(sum).filter(|_| name == member.name())
}

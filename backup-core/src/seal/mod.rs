//! Sealed objects, `PBE1` (`docs/FORMAT.md`, section 4).
//!
//! State machines without any I/O: [`Sealer`] turns content into stored bytes, [`Opener`] stored bytes into content, [`RangeOpener`] opens a part of
//! an object. No byte comes out of an opener before its header and its chunk were authenticated.

mod chunk;
mod expected;
mod fixed;
mod header;
mod opener;
mod range;
mod schedule;
mod sealer;
mod sizes;
mod slots;
mod unlock;

pub use expected::Expected;
pub use fixed::{Codec, SealSpec};
pub use header::{Header, is_sealed};
pub use opener::Opener;
pub(crate) use opener::ends_in_header;
pub use range::RangeOpener;
pub use sealer::Sealer;
pub use sizes::{payload_len, plain_len};
pub use slots::{Slot, SlotKind};

/// The random name of one sealed object. Manifests record it, so that an older object under the same path does not open.
pub type FileId = [u8; 32];

/// Bytes of content in a full chunk.
pub const CHUNK_LEN: usize = 16 * 1024;
/// Bytes that authenticate a chunk.
pub const TAG_LEN: usize = 16;
/// Bytes of a full chunk in the payload.
pub const SEALED_CHUNK_LEN: usize = CHUNK_LEN + TAG_LEN;
/// Bytes of the payload before the first chunk: salt and commitment.
pub const PREAMBLE_LEN: usize = 24 + 32;
/// Longest header, in bytes. With [`PREAMBLE_LEN`] more, everything that a [`RangeOpener`] wants is there.
pub const MAX_HEADER_LEN: usize = 8 + 4 + MAX_FIXED_LEN + 4 + MAX_SLOTS_LEN + MAC_LEN;

const MAGIC: [u8; 8] = [0x89, b'P', b'B', b'E', 0x0d, 0x0a, 0x1a, 0x01];
const MAX_FIXED_LEN: usize = 4096;
const MAX_SLOTS_LEN: usize = 16384;
const MAC_LEN: usize = 32;

fn damaged(what: impl Into<String>) -> crate::Error {
    crate::Error::new(crate::ErrorKind::Damaged, what)
}

#[cfg(test)]
mod tests;

//! Compressed content: independent zstd frames with a seek table (`docs/FORMAT.md`, section 5).
//!
//! [`FrameEncoder`] compresses one frame and may be called from many threads at once; whoever puts the frames in order records each in a
//! [`SeekTable`] and writes that last. [`FrameDecoder`] reads it all back, [`SeekTable::parse`] and [`FrameReader`] a part of it.

mod decoder;
mod encoder;
mod head;
mod memory;
mod reader;
mod seek_table;
mod stored;
mod tail;

pub use decoder::FrameDecoder;
pub use encoder::{DEFAULT_LEVEL, FrameEncoder};
pub use memory::context_len;
pub use reader::FrameReader;
pub use seek_table::{FOOTER_LEN, Frame, SeekTable};

/// Most content in one frame, in bytes.
pub const MAX_FRAME_LEN: usize = 4 * 1024 * 1024;
/// Most bytes of one compressed frame: raw blocks of 128 KiB with 3 bytes each, head and checksum, with room to spare.
pub const MAX_COMPRESSED_LEN: usize = MAX_FRAME_LEN + 64 * 1024;
/// Most frames in one object; the limit of zstd's own reader of seek tables.
pub const MAX_FRAMES: u32 = 0x0800_0000;

const ZSTD_MAGIC: u32 = 0xFD2F_B528;
const SKIPPABLE_MAGIC: u32 = 0x184D_2A5E;
const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;

fn damaged(what: impl Into<String>) -> crate::Error {
    crate::Error::new(crate::ErrorKind::Damaged, what)
}

#[cfg(test)]
mod tests;

/// A frame as content that does not compress is stored in.
#[cfg(test)]
pub(crate) fn stored_frame_for_vector(plain: &[u8], out: &mut Vec<u8>) {
    stored::store_frame(plain, plain.len() as u32, out);
}

//! Content that does not compress: a frame of raw blocks, made without the compressor.

use super::ZSTD_MAGIC;

/// Most bytes of a block (RFC 8878, section 3.1.1.2.4).
const BLOCK_LEN: usize = 128 * 1024;
/// Single segment, content size in four bytes, no checksum, no dictionary.
const DESCRIPTOR: u8 = 0b1010_0000;
const RAW_BLOCK: u32 = 0;

/// Appends a frame that holds `plain` as it is; `length` is its length.
pub(super) fn store_frame(plain: &[u8], length: u32, out: &mut Vec<u8>) {
    let blocks = plain.len().div_ceil(BLOCK_LEN);
    out.reserve(9 + plain.len() + 3 * blocks);
    out.extend_from_slice(&ZSTD_MAGIC.to_le_bytes());
    out.push(DESCRIPTOR);
    out.extend_from_slice(&length.to_le_bytes());
    for (number, block) in (1..).zip(plain.chunks(BLOCK_LEN)) {
        let head = (block.len() as u32) << 3 | RAW_BLOCK << 1 | u32::from(number == blocks);
        out.extend_from_slice(&head.to_le_bytes()[..3]);
        out.extend_from_slice(block);
    }
}

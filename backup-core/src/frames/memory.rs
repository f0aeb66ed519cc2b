//! How much memory compression takes.

use super::encoder::LEVELS;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// What samples are taken and tried with.
const SAMPLING: usize = 768 * KIB;

/// What zstd holds for frames of up to 1, 2 and 4 MiB of content, in KiB, by level: what `ZSTD_sizeof_CCtx` says of zstd 1.5.7, rounded up to 256 KiB.
/// (The tables that the encoder chooses for level 3 take half a MiB less.)
const CONTEXTS: [[usize; 3]; 19] = [
    [768, 768, 768],
    [1024, 1024, 1024],
    [1536, 1536, 1536],
    [2816, 2816, 2816],
    [3328, 3328, 3328],
    [3328, 3328, 3328],
    [5888, 5888, 5888],
    [5888, 5888, 5888],
    [11_008, 11_008, 11_008],
    [11_008, 21_248, 21_248],
    [11_008, 21_248, 21_248],
    [11_008, 21_248, 41_728],
    [17_152, 33_536, 33_536],
    [17_152, 33_536, 49_920],
    [17_152, 33_536, 66_304],
    [17_152, 33_536, 33_536],
    [17_152, 33_536, 49_920],
    [17_920, 34_304, 50_688],
    [17_920, 34_304, 50_688],
];

/// Most bytes that a [`FrameEncoder`](super::FrameEncoder) of this level holds for each call that runs at once, if no frame has more than `frame` bytes
/// of content. The content and the compressed frame are the caller's.
#[must_use]
pub fn context_len(level: i32, frame: usize) -> usize {
    let level = level.clamp(*LEVELS.start(), *LEVELS.end());
    let row = CONTEXTS[usize::try_from(level - LEVELS.start()).unwrap_or(0)];
    let column = if frame <= MIB {
        0
    } else if frame <= 2 * MIB {
        1
    } else {
        2
    };
    row[column] * KIB + SAMPLING
}

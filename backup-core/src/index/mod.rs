//! Sorted lists of any length: one record for each key (`docs/FORMAT.md`, section 9).
//!
//! A manifest stays small whatever it describes: what there is one line of for each object of a bucket, or for each file of a data directory, stands in an
//! artifact of its own, an *index*. Its records are written in ascending order of their keys, which are bytes, and are read, joined and looked up in that
//! order. Nothing here holds more than a block of records in memory, whatever the length of the index.
//!
//! [`Blocks`] cuts records into blocks, each of which becomes one frame of the artifact's content, so that a reader can begin at any frame.
//! [`RecordDecoder`] reads them back, [`records`] as a stream. [`join`] puts two streams side by side, [`merge`] makes one of many.

mod blocks;
mod decoder;
mod join;
mod merge;
mod record;
mod stream;

#[cfg(test)]
mod tests;

pub use blocks::{BLOCK_LEN, Blocks, blocks};
pub use decoder::RecordDecoder;
pub use join::{Joined, join};
pub use merge::merge;
pub use record::{MAX_KEY_LEN, MAX_VALUE_LEN, Record};
pub use stream::{RecordStream, records};

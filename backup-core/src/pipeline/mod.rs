//! From a source to a sealed object in a store, and back, in bounded memory.
//!
//! ```text
//! Source ──► frames ──► zstd (parallel, in order) ──► PBE1 + SHA-256 ──► parts ──► upload ──► read back
//! ```
//!
//! Every queue is bounded, and [`Shape`] derives all sizes from one memory budget. Nothing is visible in the store before the source has vouched for
//! its end.

mod content;
mod frame;
mod loose;
mod object;
mod object_reader;
mod parts;
mod read_ahead;
mod read_back;
mod record;
mod shape;
mod source;
mod spool;
mod witness;

#[cfg(test)]
mod tests;

pub use content::{ContentSource, content};
pub use loose::LooseObject;
pub use read_back::read_back;
pub use record::{ObjectName, Packing, Progress, Recorded, Recorder, Sealing};
pub use shape::Shape;
pub use source::{ByteStream, Source};
pub use spool::{Spool, SpoolRoom};
pub use witness::{ReadBack, Witness};

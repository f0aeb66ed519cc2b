//! From a source to a sealed object in a store, and back, in bounded memory.
//!
//! ```text
//! Source ──► frames ──► zstd (parallel, in order) ──► PBE1 + SHA-256 ──► parts ──► upload ──► read back
//! ```
//!
//! What must be known to the end before anything of it is stored is staged first: made into objects, which wait encrypted, and then sent.
//!
//! Every queue is bounded, and [`Shape`] derives all sizes from one memory budget. Nothing is visible in the store before the source has vouched for
//! its end.

mod content;
mod frame;
mod hold;
mod loose;
mod object;
mod object_reader;
mod packing;
mod parts;
mod ranged;
mod read_ahead;
mod read_back;
mod record;
mod second_read;
mod shape;
mod source;
mod spool;
mod stage;
mod witness;

#[cfg(test)]
mod tests;

pub use content::{ContentSource, content};
pub use hold::SpoolRoom;
pub use loose::LooseObject;
pub use packing::{ObjectName, Packing, Sealing};
pub use ranged::Ranged;
pub use read_back::read_back;
pub use record::{Intake, Progress, Recorded, Recorder};
pub use second_read::FirstRead;
pub use shape::Shape;
pub use source::{ByteStream, Source};
pub use spool::Spool;
pub use stage::Staged;
pub use witness::{ReadBack, Witness};

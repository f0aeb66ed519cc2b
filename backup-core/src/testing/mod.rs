//! Test doubles and the conformance suite of stores, for this workspace and for those who write a store of their own.

mod clock;
pub mod conformance;
mod faulty;
pub mod fuzz;
mod lenient;
mod memory;

pub use clock::{ManualClock, SeededEntropy};
pub use conformance::{Expectations, store_suite};
pub use faulty::{Fault, FaultyStore};
pub use lenient::{Leniency, LenientStore, UploadListing};
pub use memory::{MemoryOptions, MemoryStore};

#[cfg(test)]
mod tests;

//! Test doubles and the conformance suite, for this workspace and for those who write a store of their own.

mod clock;
mod faulty;
mod memory;

pub use clock::{ManualClock, SeededEntropy};
pub use faulty::{Fault, FaultyStore};
pub use memory::{MemoryOptions, MemoryStore};

//! Test doubles and the conformance suite of stores, for this workspace and for those who write a store of their own.

pub mod conformance;
mod faulty;
mod lenient;

pub use conformance::{Expectations, store_suite};
pub use faulty::{Fault, FaultyStore};
pub use lenient::{NoConditionalPut, ShuffledListing};

#[cfg(test)]
mod tests;

//! Which backups stay.

mod plan;
mod policy;

pub use plan::{Candidate, Decision, Reason, plan};
pub use policy::Policy;

#[cfg(test)]
mod tests;

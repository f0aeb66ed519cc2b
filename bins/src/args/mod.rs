//! Command lines of the programs. Options that are settings are made out of the table of settings ([`flags`]), so that they are spelled once.

pub mod admin;
pub mod flags;
pub mod postgres;
pub mod vault;
pub mod verbs;

use crate::config::{layers::Layer, setting::Program};

/// The command line of one program.
pub trait CommandLine: clap::Parser {
    /// Which program it is.
    const PROGRAM: Program;

    /// Threads that the work of the chosen verb is spread over; `None`: one for each core.
    fn workers(&self) -> Option<usize> {
        None
    }

    /// All settings that were given as options, before and after the verb.
    ///
    /// # Errors
    /// Fails if options were given that the chosen verb does not have.
    fn settings(&self) -> Result<Layer, clap::Error>;
}

#[cfg(test)]
mod tests;

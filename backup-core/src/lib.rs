//! The ground that every component stands on: formats, stores, pipelines, catalog, retention and keys.
//!
//! This crate knows no component, no command line and no environment. See `docs/ARCHITECTURE.md` for the picture and `docs/FORMAT.md` for every
//! byte that is persisted.

pub mod catalog;
pub mod clock;
pub mod context;
pub mod error;
pub mod event;
pub mod frames;
pub mod hex;
pub mod id;
pub mod keys;
pub mod pipeline;
pub mod retention;
pub mod run;
pub mod seal;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use context::Context;
pub use error::{Error, ErrorKind, Result};

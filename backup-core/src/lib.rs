//! The ground that every component stands on: formats, stores, pipelines, catalog, retention and keys.
//!
//! This crate knows no component, no command line and no environment. See `docs/ARCHITECTURE.md` for the picture and `docs/FORMAT.md` for every
//! byte that is persisted.

pub mod clock;
pub mod error;
pub mod event;
pub mod hex;
pub mod id;
pub mod store;

pub use error::{Error, ErrorKind, Result};

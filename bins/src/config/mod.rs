//! Configuration in layers, each value with the place it came from: defaults < TOML file < environment < flags.
//!
//! [`table`] lists every setting once; [`layers::resolve`] puts the layers together; [`common`] and [`postgres`] give the typed results.

pub mod common;
pub mod environment;
mod file;
pub mod layers;
pub mod postgres;
pub mod secret;
pub mod setting;
pub mod show;
pub mod table;
pub mod value;

pub use common::Config;
pub use environment::Environment;
pub use layers::{Settings, Sources, resolve};
pub use postgres::PostgresConfig;
pub use secret::Secret;

#[cfg(test)]
mod tests;

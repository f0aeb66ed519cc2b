//! Configuration in layers, each value with the place it came from: defaults < TOML file < environment < flags.
//!
//! [`table`] lists every setting once; [`layers::resolve`] puts the layers together; [`common`], [`postgres`] and [`vault`] give the typed results.

pub mod common;
pub mod environment;
mod file;
pub mod layers;
pub mod postgres;
mod read;
pub mod refused;
pub mod setting;
pub mod settings;
pub mod show;
pub mod table;
pub mod value;
pub mod vault;

pub use backup_core::Secret;
pub use common::Config;
pub use environment::Environment;
pub use layers::{Sources, resolve};
pub use postgres::PostgresConfig;
pub use settings::Settings;
pub use vault::VaultConfig;

#[cfg(test)]
mod tests;

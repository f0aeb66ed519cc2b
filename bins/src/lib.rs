//! The shell that all programs share: arguments, configuration, logs, progress, results, errors, signals and exit codes.
//!
//! Only this crate reads arguments and the environment, writes to stdout and stderr, and installs a log subscriber. A program is a definition
//! of its arguments ([`args`]), and one function that is given a [`context::Context`]; [`app`] does the rest.

pub mod admin;
pub mod app;
pub mod args;
pub mod config;
pub mod context;
pub mod exit;
pub mod hardened;
pub mod keyring;
pub mod logging;
pub mod output;
pub mod postgres;
pub mod render;
pub mod repeatable;
pub mod report;
pub mod repository;
mod screen;
pub mod signals;
pub mod stored;
pub mod table;
pub mod vault;
pub mod verbs;

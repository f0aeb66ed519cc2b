//! Logical backups of PostgreSQL: dump, restore, verify, check.
//!
//! The pieces here know PostgreSQL and its client programs; stores, sealing, manifests and retention are `backup_core`'s. Nothing here reads the
//! environment: what a program or a service wants is passed in ([`ServerSettings`], [`ToolLocations`]).

pub mod archive;
mod catalog;
pub mod check;
mod client_process;
mod client_tools;
mod connection;
mod databases;
pub mod dump;
mod facts;
mod live_groups;
mod passfile;
pub mod restore;
mod secret;
mod settings;
pub mod target;
mod tls;
mod vouched_stream;

pub use catalog::{all_databases, missing_databases, surviving_tables, user_tables};
pub use client_tools::{ClientTools, ToolLocations, ToolVersion};
pub use connection::{ServerVersion, Session};
pub use databases::DEFAULT_DATABASES;
pub use facts::{DatabaseFacts, ServerFacts, database_facts, log_position, schema_version, server_facts};
pub use live_groups::kill_client_programs;
pub use secret::Secret;
pub use settings::{ServerSettings, SslMode};
pub use target::{PgDump, Selection};
pub use vouched_stream::VouchedStream;

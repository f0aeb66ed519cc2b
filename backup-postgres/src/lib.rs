//! Logical backups of PostgreSQL: dump, restore, verify, check.
//!
//! The pieces here know PostgreSQL and its client programs; stores, sealing, manifests and retention are `backup_core`'s. Nothing here reads the
//! environment: what a program or a service wants is passed in ([`ServerSettings`], [`ToolLocations`]).
//!
//! A service that backs up its own databases:
//!
//! ```no_run
//! use backup_core::{
//!     Context, Result,
//!     catalog::{Depth, Mode},
//!     clock::{SystemClock, SystemEntropy},
//!     event::Quiet,
//!     keys::Keyring,
//!     run::{BackupRequest, backup, verify},
//!     store::{Features, StoreConfig, connect},
//! };
//! use backup_postgres::{PgDump, Secret, Selection, ServerSettings, ToolLocations};
//! use std::{sync::Arc, time::Duration};
//!
//! async fn nightly(password: String, key_file: &str) -> Result<()> {
//!     let target = PgDump {
//!         settings: ServerSettings {
//!             host: "postgres".into(),
//!             user: "kernel".into(),
//!             password: Some(Secret::new(password)),
//!             ..ServerSettings::default()
//!         },
//!         tools: ToolLocations::default(), // Debian's folders
//!         selection: Selection::Named(vec!["platform_money".into()]),
//!         jobs: 2,
//!     };
//!     let store = StoreConfig::new("s3://platform-backups/postgres")
//!         .option("aws_access_key_id", "…")
//!         .option("aws_secret_access_key", "…");
//!     let cx = Context {
//!         store: connect(&store, Arc::new(SystemEntropy))?,
//!         features: Features::default(),
//!         keyring: Some(Arc::new(Keyring::parse(key_file, "the key file")?)),
//!         clock: Arc::new(SystemClock),
//!         entropy: Arc::new(SystemEntropy),
//!         events: Arc::new(Quiet),
//!         cancel: tokio_util::sync::CancellationToken::new(),
//!         tool: "billing-service 7".into(),
//!     };
//!     let request = BackupRequest {
//!         mode: Mode::Sealed,
//!         kms_key: None,
//!         memory: 128 << 20,
//!         threads: 4,
//!         level: 3,
//!         lease_wait: Duration::from_secs(60),
//!     };
//!     let report = backup(&cx, &target, &request).await?;
//!     for failed in &report.failures {
//!         eprintln!("{} is missing: {}", failed.name, failed.error.chain());
//!     }
//!     let found = verify(&cx, &target, &report.manifest, Depth::Content).await;
//!     assert!(found.is_good(), "{found:?}");
//!     Ok(())
//! }
//! # drop(nightly(String::new(), ""));
//! ```

pub mod archive;
mod catalog;
pub mod check;
mod client_process;
mod client_tools;
mod connection;
mod databases;
pub mod dump;
mod facts;
mod hazards;
mod live_groups;
mod passfile;
mod raw_statement;
mod raw_text;
mod readable;
mod recode;
mod relay;
mod remarks;
pub mod restore;
mod schema_version;
mod settings;
mod sql;
mod standstill;
mod startup;
mod survivors;
pub mod target;
mod tls;
mod vouched_stream;

pub use backup_core::Secret;
pub use catalog::{all_databases, missing_databases, surviving_tables, user_tables};
pub use client_tools::{ClientTools, ToolLocations, ToolVersion};
pub use connection::{ServerVersion, Session};
pub use databases::{DEFAULT_DATABASES, DEFAULT_DATABASES_TEXT};
pub use facts::{DatabaseFacts, ServerFacts, database_facts, log_position, server_facts};
pub use live_groups::kill_client_programs;
pub use raw_text::RawText;
pub use remarks::Remarks;
pub use schema_version::schema_version;
pub use settings::{ServerSettings, SslMode};
pub use survivors::surviving_objects;
pub use target::{PgDump, Selection};
pub use vouched_stream::VouchedStream;

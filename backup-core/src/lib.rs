//! The ground that every component stands on: formats, stores, pipelines, catalog, retention and keys.
//!
//! This crate knows no component, no command line and no environment. See `docs/ARCHITECTURE.md` for the picture and `docs/FORMAT.md` for every
//! byte that is persisted.
//!
//! A service embeds it with a [`target::BackupTarget`] of its own, or with one of the component crates. Here a target with one artifact, backed up to
//! memory, verified and read again:
//!
//! ```
//! use async_trait::async_trait;
//! use backup_core::{
//!     Context, Result,
//!     catalog::{Artifact, Depth, Mode},
//!     clock::{SystemClock, SystemEntropy},
//!     event::{Finding, Quiet},
//!     id::BackupId,
//!     keys::{Keyring, fresh_key_file},
//!     pipeline::{ByteStream, Source, content},
//!     run::{BackupRequest, backup, content_source, verify},
//!     session::Session,
//!     store::{Features, ObjectMeta, StoreConfig, connect},
//!     target::{BackupTarget, Outcome, Plan, PlannedArtifact},
//! };
//! use bytes::Bytes;
//! use futures::{StreamExt, TryStreamExt, stream::{self, BoxStream}};
//! use std::{sync::Arc, time::Duration};
//!
//! #[derive(Debug)]
//! struct Notes(&'static str);
//!
//! #[async_trait]
//! impl BackupTarget for Notes {
//!     fn name(&self) -> &str { "notes" }
//!     fn component(&self) -> &str { "notes" }
//!
//!     async fn check(&self, _cx: &Context) -> Result<Vec<Finding>> { Ok(Vec::new()) }
//!
//!     async fn plan(&self, _cx: &Context) -> Result<Plan> {
//!         let artifact = PlannedArtifact {
//!             name: "notes".into(),
//!             path: "{id}/notes.txt".into(),
//!             content_type: "text/plain".into(),
//!             compress: true,
//!         };
//!         Ok(Plan { lineage: "my notes".into(), artifacts: vec![artifact], jobs: 1 })
//!     }
//!
//!     async fn backup(&self, _cx: &Context, plan: &Plan, session: &Session) -> Result<Outcome> {
//!         let mut outcome = Outcome::default();
//!         for planned in &plan.artifacts {
//!             // The end of a source is vouched for: here by its length.
//!             let bytes = Bytes::from_static(self.0.as_bytes());
//!             let source = Source::sized(stream::iter([Ok(bytes)]), self.0.len() as u64);
//!             outcome.artifacts.push(session.stream(planned, source).await?);
//!         }
//!         Ok(outcome)
//!     }
//!
//!     async fn verify(&self, _cx: &Context, _artifact: &Artifact, content: ByteStream) -> Result<()> {
//!         content.try_for_each(|_| async { Ok(()) }).await
//!     }
//!
//!     fn sweep<'a>(&'a self, _cx: &'a Context, _kept: &'a [BackupId]) -> BoxStream<'a, Result<ObjectMeta>> {
//!         stream::empty().boxed()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let keys = fresh_key_file(&SystemEntropy, jiff::Timestamp::UNIX_EPOCH)?;
//! let cx = Context {
//!     store: connect(&StoreConfig::new("memory:"), Arc::new(SystemEntropy))?,
//!     features: Features::default(), // found out by the run
//!     keyring: Some(Arc::new(Keyring::parse(keys.expose(), "keys of the example")?)),
//!     clock: Arc::new(SystemClock),
//!     entropy: Arc::new(SystemEntropy),
//!     events: Arc::new(Quiet),
//!     cancel: tokio_util::sync::CancellationToken::new(),
//!     tool: "example 1".into(),
//! };
//! let request = BackupRequest {
//!     mode: Mode::Sealed,
//!     kms_key: None,
//!     memory: 32 << 20,
//!     threads: 1,
//!     level: 3,
//!     lease_wait: Duration::ZERO,
//! };
//! let notes = Notes("to be or not to be");
//! let manifest = backup(&cx, &notes, &request).await?.manifest;
//! assert!(verify(&cx, &notes, &manifest, Depth::Content).await.is_good());
//!
//! let artifact = manifest.artifacts[0].clone();
//! let pieces: Vec<Bytes> = content(content_source(&cx, &notes, &manifest), artifact).try_collect().await?;
//! assert_eq!(pieces.concat(), b"to be or not to be");
//! # Ok(())
//! # }
//! ```

pub mod catalog;
pub mod clock;
pub mod context;
pub mod error;
pub mod event;
pub mod frames;
pub mod hex;
pub mod id;
pub mod index;
pub mod keys;
pub mod patience;
pub mod pipeline;
pub mod retention;
pub mod retry;
pub mod run;
pub mod seal;
mod secret;
pub mod session;
pub mod store;
pub mod target;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use context::Context;
pub use error::{Error, ErrorKind, Result};
pub use secret::Secret;

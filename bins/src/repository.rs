//! From settings to what the core works with.

use crate::{context::Context, keyring};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    catalog::{Mode, Repository},
    keys::Keyring,
    pipeline::Shape,
    run::BackupRequest,
    store::{Features, ServerEncryption, StoreConfig, connect, from_environment},
};
use std::path::Path;

/// What a verb that only reads works with. Nothing is written to the store, not even a probe.
///
/// # Errors
/// Fails if keys or store settings are wrong.
pub fn for_reading(context: &Context, program: &str) -> Result<core::Context> {
    open(context, program, keyring::load(&context.config)?)
}

/// What a restore of `from` works with: as [`for_reading`], but nothing is asked of any store, and none need be set, if that is a local file.
///
/// # Errors
/// As [`for_reading`].
pub fn for_restore(context: &Context, program: &str, from: Option<&str>) -> Result<core::Context> {
    if from.is_none_or(|from| !Path::new(from).is_file()) {
        return for_reading(context, program);
    }
    without_store(context, program)
}

/// What a restore of standard input works with: no store.
///
/// # Errors
/// Fails if keys are wrong.
pub fn without_store(context: &Context, program: &str) -> Result<core::Context> {
    let keyring = keyring::load(&context.config)?;
    with(context, program, keyring, StoreConfig::new("memory:"))
}

/// What a backup works with: without an encryption by the store there must be a key that seals.
///
/// # Errors
/// As [`for_reading`]; [`ErrorKind::Key`] without a key.
pub fn for_backup(context: &Context, program: &str) -> Result<core::Context> {
    open(context, program, keyring::load_for_writing(&context.config)?)
}

fn open(context: &Context, program: &str, keyring: Keyring) -> Result<core::Context> {
    let url = context.config.store.clone().ok_or_else(|| {
        Error::new(ErrorKind::Usage, "no store is named")
            .hint("name one with --store or BACKUP_STORE, as s3://platform-backups/postgres")
    })?;
    let mut config = StoreConfig::new(url);
    config.options = from_environment(context.environment.store_variables()?.into_iter())?;
    config.encryption = context.config.sse.clone();
    config.deadline = context.config.deadline;
    with(context, program, keyring, config)
}

fn with(context: &Context, program: &str, keyring: Keyring, config: StoreConfig) -> Result<core::Context> {
    Ok(core::Context {
        store: connect(&config, context.entropy.clone())?,
        features: Features::default(),
        keyring: keyring::shared(keyring),
        clock: context.clock.clone(),
        entropy: context.entropy.clone(),
        events: context.events.clone(),
        cancel: context.cancel.clone(),
        tool: format!("{program} {}", env!("CARGO_PKG_VERSION")),
    })
}

/// The repository in the store, which must exist.
///
/// # Errors
/// [`ErrorKind::NotFound`] if nothing was ever backed up there.
pub async fn existing(cx: &core::Context) -> Result<Repository> {
    Repository::open(cx).await?.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!("there is no repository at {}", cx.store.location()),
        )
        .hint("check --store / BACKUP_STORE; the first backup makes it")
    })
}

/// How many artifacts are worked on at once: what was asked for, or as many as processors and memory are good for.
#[must_use]
pub fn jobs(context: &Context) -> usize {
    let memory = usize::try_from(context.config.memory).unwrap_or(usize::MAX);
    let chosen = || Shape::affordable(memory, threads().min(4), context.config.compression_level);
    context.config.jobs.unwrap_or_else(chosen).max(1)
}

/// How a backup is made, by the settings.
#[must_use]
pub fn backup_request(context: &Context) -> BackupRequest {
    let config = &context.config;
    BackupRequest {
        mode: match &config.sse {
            None => Mode::Sealed,
            Some(ServerEncryption::S3) => Mode::SseS3,
            Some(ServerEncryption::Kms(_)) => Mode::SseKms,
        },
        kms_key: match &config.sse {
            Some(ServerEncryption::Kms(key)) => key.clone(),
            Some(ServerEncryption::S3) | None => None,
        },
        memory: usize::try_from(config.memory).unwrap_or(usize::MAX),
        threads: threads(),
        level: config.compression_level,
        lease_wait: config.lease_wait,
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

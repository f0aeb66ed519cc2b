//! What every program is told.

use super::Settings;
use backup_core::{Error, ErrorKind, Result, frames::DEFAULT_LEVEL, pipeline::Shape, store::ServerEncryption};
use std::{path::PathBuf, time::Duration};

/// How the log on stderr looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// What an operator may read line by line.
    Normal,
    /// Details.
    Verbose,
}

/// How many backups stay, by each rule. What any rule keeps stays; no rule at all keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// Those younger than this many days.
    pub days: Option<u32>,
    /// The newest.
    pub last: Option<u32>,
    /// One of each of so many hours.
    pub hourly: Option<u32>,
    /// One of each of so many days.
    pub daily: Option<u32>,
    /// One of each of so many weeks.
    pub weekly: Option<u32>,
    /// One of each of so many months.
    pub monthly: Option<u32>,
}

/// The settings of all programs, typed.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where backups are kept; `None` only in programs without a store of their own.
    pub store: Option<String>,
    /// The key file.
    pub key_file: Option<PathBuf>,
    /// Public keys, as text.
    pub recovery_keys: Vec<String>,
    /// Encryption by the store instead of ours.
    pub sse: Option<ServerEncryption>,
    /// Memory budget in bytes.
    pub memory: u64,
    /// Items at once, if the operator wants to decide.
    pub jobs: Option<usize>,
    /// zstd level.
    pub compression_level: i32,
    /// Retention.
    pub keep: Keep,
    /// How long to wait for another run.
    pub lease_wait: Duration,
    /// How long a silent server or store is waited for.
    pub deadline: Duration,
    /// Findings end with exit 12.
    pub strict: bool,
    /// What was proved is written to the store.
    pub evidence: bool,
    /// Only say what would be done.
    pub dry_run: bool,
    /// The result is JSON on stdout.
    pub json: bool,
    /// How the log looks.
    pub log_format: LogFormat,
    /// How much is logged.
    pub verbosity: Verbosity,
}

impl Config {
    /// The typed form of `settings`.
    ///
    /// # Errors
    /// Fails if `quiet` and `verbose` are both given in one layer, and if `jobs` is more than `memory` allows.
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        let (memory, jobs) = (settings.need("memory")?, number(settings, "jobs")?);
        let compression_level = number(settings, "compression-level")?.unwrap_or(DEFAULT_LEVEL);
        demand_room(memory, jobs, compression_level)?;
        Ok(Self {
            store: settings.get("store")?,
            key_file: settings.get("key-file")?,
            recovery_keys: settings.get("recovery-key")?.unwrap_or_default(),
            sse: settings.get("sse")?,
            memory,
            jobs,
            compression_level,
            keep: keep(settings)?,
            lease_wait: settings.need("lease-wait")?,
            deadline: settings.need("deadline")?,
            strict: settings.need("strict")?,
            evidence: !settings.need::<bool>("no-evidence")?,
            dry_run: settings.need("dry-run")?,
            json: settings.need("json")?,
            log_format: log_format(settings)?,
            verbosity: verbosity(settings)?,
        })
    }
}

/// Each job has a smallest budget. What the operator asks for is not quietly made less; what is chosen here is ([`crate::repository::jobs`]).
fn demand_room(memory: u64, jobs: Option<usize>, level: i32) -> Result<()> {
    let each = Shape::min_budget(level) as u64;
    let needed = jobs.map_or(0, |jobs| (jobs as u64).saturating_mul(each));
    let (Some(jobs), true) = (jobs, needed > memory) else {
        return Ok(());
    };
    // Upwards: what the hint says must be enough.
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(Error::new(
        ErrorKind::Config,
        format!(
            "jobs = {jobs} need {} MiB, and memory is {} MiB",
            mib(needed),
            mib(memory)
        ),
    )
    .hint(format!(
        "each job takes {} MiB at least: --memory {}MiB, or --jobs {}",
        mib(each),
        mib(needed),
        (memory / each).max(1)
    )))
}

fn keep(settings: &Settings) -> Result<Keep> {
    Ok(Keep {
        days: number(settings, "keep-days")?,
        last: number(settings, "keep-last")?,
        hourly: number(settings, "keep-hourly")?,
        daily: number(settings, "keep-daily")?,
        weekly: number(settings, "keep-weekly")?,
        monthly: number(settings, "keep-monthly")?,
    })
}

/// A number in the type in which it is used; the table's limits make it fit.
pub(super) fn number<T: TryFrom<u64>>(settings: &Settings, name: &str) -> Result<Option<T>> {
    Ok(settings.get::<u64>(name)?.and_then(|number| T::try_from(number).ok()))
}

fn log_format(settings: &Settings) -> Result<LogFormat> {
    let json = settings.need::<String>("log-format")? == "json";
    Ok(if json { LogFormat::Json } else { LogFormat::Text })
}

fn verbosity(settings: &Settings) -> Result<Verbosity> {
    Ok(match settings.stronger("quiet", "verbose")? {
        Some("quiet") => Verbosity::Quiet,
        Some(_) => Verbosity::Verbose,
        None => Verbosity::Normal,
    })
}

//! One stream of typed events; progress bars, log lines and JSON lines are renderers of it.

use std::fmt;

/// Something that happened in a run. Sizes are bytes. Holds no secret.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A run has begun.
    RunStarted {
        /// What runs: `backup`, `restore`, `verify`, `prune`.
        verb: &'static str,
        /// The target, as `postgres.dump`.
        target: String,
    },
    /// Work on one artifact (a database, a snapshot) has begun.
    ArtifactStarted {
        /// Its name.
        name: String,
        /// How many bytes are expected, if anyone knows.
        expected: Option<u64>,
    },
    /// More of an artifact went through. Counts are totals so far, of the current try: another begins at 0 again.
    ArtifactProgress {
        /// Its name.
        name: String,
        /// Bytes of the source, so far.
        read: u64,
        /// Bytes at the other end (store, or the restored server), so far.
        written: u64,
    },
    /// An artifact is complete and verified.
    ArtifactFinished {
        /// Its name.
        name: String,
        /// Bytes of the source.
        read: u64,
        /// Bytes at the other end.
        written: u64,
    },
    /// An artifact failed; the run may go on with others.
    ArtifactFailed {
        /// Its name.
        name: String,
        /// What failed, in one line.
        error: String,
    },
    /// Something the operator should look at, and what to do about it.
    Finding(Finding),
    /// A step worth a line in the log.
    Step(String),
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Will hurt one day.
    Warning,
    /// A backup or restore would fail or lose something.
    Error,
}

/// What `check`, or any run, found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was looked at, as `server version` or `platform_money`.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Receives events. Called from many tasks at once; must return quickly and never fail.
pub trait EventSink: fmt::Debug + Send + Sync + 'static {
    /// Takes note of an event.
    fn emit(&self, event: Event);
}

/// Drops every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl EventSink for Quiet {
    fn emit(&self, _event: Event) {}
}

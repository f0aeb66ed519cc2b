//! Lines for people, without a terminal.

use super::pace::{Due, Pace};
use crate::{
    output::Output,
    table::{bytes, safe},
};
use backup_core::event::{Event, EventSink, Finding, Severity};
use std::sync::{Mutex, PoisonError};

/// Says on stdout what is begun, as the scripts did, and logs the rest. An artifact that is done within the interval adds nothing to the log.
#[derive(Debug)]
pub struct Lines {
    output: Output,
    pace: Pace,
    progress: bool,
    verb: Mutex<&'static str>,
}

impl Lines {
    /// With one line of progress per artifact and interval.
    #[must_use]
    pub fn new(output: Output, pace: Pace) -> Self {
        Self {
            output,
            pace,
            progress: true,
            verb: Mutex::new(""),
        }
    }

    /// Without lines of progress, because something else shows it.
    #[must_use]
    pub fn silent_progress(output: Output, pace: Pace) -> Self {
        Self {
            progress: false,
            ..Self::new(output, pace)
        }
    }

    fn begun(&self, name: &str, expected: Option<u64>) {
        self.pace.began(name, expected);
        let verb = *self.verb.lock().unwrap_or_else(PoisonError::into_inner);
        let doing = match verb {
            "backup" => "Backing up",
            "restore" => "Restoring",
            "verify" => "Verifying",
            _ => return,
        };
        if let Err(error) = self.output.line(&format!("{doing} {name}...")) {
            tracing::warn!("{}", error.chain());
        }
    }
}

impl EventSink for Lines {
    fn emit(&self, event: Event) {
        match event {
            Event::RunStarted { verb, target } => {
                *self.verb.lock().unwrap_or_else(PoisonError::into_inner) = verb;
                tracing::debug!("{verb} of {target} begins");
            }
            Event::ArtifactStarted { name, expected } => self.begun(&name, expected),
            Event::ArtifactProgress { name, read, written } => {
                if let Some(due) = self.pace.due(&name).filter(|_| self.progress) {
                    tracing::info!("{}", progress(&name, read, written, due));
                }
            }
            Event::ArtifactFinished { name, read, written } => {
                let line = format!(
                    "{}: done, {} read, {} written",
                    safe(&name),
                    bytes(read),
                    bytes(written)
                );
                if self.pace.ended(&name) && self.progress {
                    tracing::info!("{line}")
                } else {
                    tracing::debug!("{line}")
                }
            }
            Event::ArtifactFailed { name, error } => {
                self.pace.ended(&name);
                tracing::error!("{}: {}", safe(&name), safe(&error));
            }
            Event::Finding(finding) => log_finding(&finding),
            Event::Step(step) => tracing::info!("{}", safe(&step)),
            other => tracing::debug!("{other:?}"),
        }
    }
}

fn log_finding(finding: &Finding) {
    let mut line = format!("{}: {}", safe(&finding.subject), safe(&finding.message));
    if let Some(hint) = &finding.hint {
        line.push_str(&format!("; HINT: {}", safe(hint)));
    }
    match finding.severity {
        Severity::Note => tracing::info!("{line}"),
        Severity::Warning => tracing::warn!("{line}"),
        Severity::Error => tracing::error!("{line}"),
    }
}

/// `platform_money: 1.00 GiB of about 4.00 GiB read (25 %), 300.00 MiB written, 100.00 MiB/s, about 30 s left`.
fn progress(name: &str, read: u64, written: u64, due: Due) -> String {
    let mut line = format!("{}: {}", safe(name), bytes(read));
    let seconds = u64::try_from(due.elapsed.as_secs()).unwrap_or(0).max(1);
    let rate = read / seconds;
    if let Some(expected) = due.expected.filter(|expected| *expected > 0) {
        let percent = (u128::from(read) * 100 / u128::from(expected)).min(100);
        line.push_str(&format!(" of about {} read ({percent} %)", bytes(expected)));
    } else {
        line.push_str(" read");
    }
    line.push_str(&format!(", {} written, {}/s", bytes(written), bytes(rate)));
    let left = due
        .expected
        .and_then(|expected| expected.checked_sub(read)?.checked_div(rate));
    if let Some(left) = left.filter(|left| *left > 0) {
        line.push_str(&format!(", about {left} s left"));
    }
    line
}

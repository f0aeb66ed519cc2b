//! JSON lines for machines.

use super::pace::Pace;
use backup_core::event::{Event, EventSink, Severity};

/// Each event as one record of the log, with its facts as fields and its name in `event`. Progress comes once per artifact and interval.
#[derive(Debug)]
pub struct JsonLines {
    pace: Pace,
}

impl JsonLines {
    /// With progress at this pace.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self { pace }
    }
}

impl EventSink for JsonLines {
    fn emit(&self, event: Event) {
        match event {
            Event::RunStarted { verb, target } => tracing::info!(event = "run-started", verb, target),
            Event::ArtifactStarted { name, expected } => {
                self.pace.began(&name, expected);
                tracing::info!(event = "artifact-started", name, expected);
            }
            Event::ArtifactProgress { name, read, written } => {
                if let Some(due) = self.pace.due(&name) {
                    let (expected, seconds) = (due.expected, due.elapsed.as_secs());
                    tracing::info!(event = "artifact-progress", name, read, written, expected, seconds);
                }
            }
            Event::ArtifactFinished { name, read, written } => {
                self.pace.ended(&name);
                tracing::info!(event = "artifact-finished", name, read, written);
            }
            Event::ArtifactFailed { name, error } => {
                self.pace.ended(&name);
                tracing::error!(event = "artifact-failed", name, error);
            }
            Event::Finding(finding) => {
                let (subject, message, hint) = (finding.subject, finding.message, finding.hint);
                match finding.severity {
                    Severity::Note => tracing::info!(event = "finding", severity = "note", subject, message, hint),
                    Severity::Warning => {
                        tracing::warn!(event = "finding", severity = "warning", subject, message, hint)
                    }
                    Severity::Error => tracing::error!(event = "finding", severity = "error", subject, message, hint),
                }
            }
            Event::Step(message) => tracing::info!(event = "step", message),
            other => tracing::debug!(event = "other", message = ?other),
        }
    }
}

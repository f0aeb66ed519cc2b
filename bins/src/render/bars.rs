//! Progress bars on a terminal.

use super::lines::Lines;
use crate::{output::Terminal, table::safe};
use backup_core::event::{Event, EventSink};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// One bar per artifact at work: bytes, rate, time left. What is done leaves the screen; everything but progress goes to [`Lines`].
#[derive(Debug)]
pub struct Bars {
    lines: Lines,
    terminal: Terminal,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    /// Bars on `terminal`, above which `lines` writes.
    #[must_use]
    pub fn new(lines: Lines, terminal: Terminal) -> Self {
        Self {
            lines,
            terminal,
            bars: Mutex::default(),
        }
    }

    fn begin(&self, name: &str, expected: Option<u64>) {
        let bar = match expected {
            Some(expected) => ProgressBar::new(expected),
            None => ProgressBar::no_length(),
        };
        let bar = self.terminal.bars().add(bar);
        bar.set_style(style(expected.is_some()));
        bar.set_prefix(safe(name));
        // Redrawn without events as well, so that a stalled server shows as a falling rate and not as a frozen screen.
        bar.enable_steady_tick(Duration::from_millis(500));
        self.bars().insert(name.to_owned(), bar);
    }

    fn advance(&self, name: &str, read: u64) {
        if let Some(bar) = self.bars().get(name) {
            // What was expected is an estimate of the server's.
            if bar.length().is_some_and(|expected| read > expected) {
                bar.set_length(read);
            }
            bar.set_position(read);
        }
    }

    fn end(&self, name: &str) {
        if let Some(bar) = self.bars().remove(name) {
            bar.finish_and_clear();
            self.terminal.bars().remove(&bar);
        }
    }

    fn bars(&self) -> MutexGuard<'_, BTreeMap<String, ProgressBar>> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for Bars {
    fn emit(&self, event: Event) {
        match &event {
            Event::ArtifactStarted { name, expected } => self.begin(name, *expected),
            Event::ArtifactProgress { name, read, .. } => self.advance(name, *read),
            Event::ArtifactFinished { name, .. } | Event::ArtifactFailed { name, .. } => self.end(name),
            _ => {}
        }
        self.lines.emit(event);
    }
}

const KNOWN_LENGTH: &str =
    "{prefix:24} [{bar:24}] {binary_bytes:>11} of {binary_total_bytes} {binary_bytes_per_sec} {eta:>4} left";
const UNKNOWN_LENGTH: &str = "{prefix:24} {spinner} {binary_bytes:>11} {binary_bytes_per_sec} {elapsed:>4}";

fn style(with_length: bool) -> ProgressStyle {
    let template = if with_length { KNOWN_LENGTH } else { UNKNOWN_LENGTH };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::common::Verbosity,
        output::Output,
        render::{INTERVAL, Pace},
    };
    use backup_core::clock::SystemClock;
    use std::sync::Arc;

    #[test]
    fn a_bar_grows_with_what_was_read_and_leaves_at_the_end() {
        let terminal = Terminal::hidden();
        let output = Output::new(terminal.clone(), true, Verbosity::Normal);
        let bars = Bars::new(
            Lines::silent_progress(output, Pace::new(INTERVAL, Arc::new(SystemClock))),
            terminal,
        );
        let name = || "platform_money".to_owned();
        bars.emit(Event::ArtifactStarted {
            name: name(),
            expected: Some(100),
        });
        bars.emit(Event::ArtifactProgress {
            name: name(),
            read: 40,
            written: 4,
        });
        let position = |bars: &Bars| bars.bars().values().map(|bar| (bar.position(), bar.length())).next();
        assert_eq!(position(&bars), Some((40, Some(100))));
        bars.emit(Event::ArtifactProgress {
            name: name(),
            read: 140,
            written: 14,
        });
        assert_eq!(position(&bars), Some((140, Some(140))));
        bars.emit(Event::ArtifactFinished {
            name: name(),
            read: 140,
            written: 14,
        });
        assert_eq!(position(&bars), None);
    }

    #[test]
    fn the_templates_of_the_bars_are_valid() {
        for template in [KNOWN_LENGTH, UNKNOWN_LENGTH] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}

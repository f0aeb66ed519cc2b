//! Renderers of the one stream of events: bars on a terminal, lines without one, JSON lines for machines.

mod bars;
mod json;
mod lines;
mod pace;

pub use bars::Bars;
pub use json::JsonLines;
pub use lines::Lines;
pub use pace::Pace;

use crate::{
    config::common::{LogFormat, Verbosity},
    output::{Output, Terminal},
};
use backup_core::{clock::Clock, event::EventSink};
use jiff::SignedDuration;
use std::sync::Arc;

/// How often a long artifact says how far it is, where bars cannot.
pub const INTERVAL: SignedDuration = SignedDuration::from_secs(10);

/// The renderer that fits the log format and the terminal.
#[must_use]
pub fn renderer(format: LogFormat, verbosity: Verbosity, output: &Output, clock: Arc<dyn Clock>) -> Arc<dyn EventSink> {
    let terminal: &Terminal = output.terminal();
    let pace = Pace::new(INTERVAL, clock);
    match format {
        LogFormat::Json => Arc::new(JsonLines::new(pace)),
        LogFormat::Text if terminal.is_terminal() && verbosity != Verbosity::Quiet => Arc::new(Bars::new(
            Lines::silent_progress(output.clone(), pace),
            terminal.clone(),
        )),
        LogFormat::Text => Arc::new(Lines::new(output.clone(), pace)),
    }
}

#[cfg(test)]
mod tests;

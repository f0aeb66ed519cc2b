//! What the programs write: results on stdout, everything else on stderr.

use crate::{
    config::{Environment, common::Verbosity},
    screen::Screen,
};
use backup_core::{Error, ErrorKind, Result};
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use tokio::runtime::{Handle, RuntimeFlavor};

/// No eye sees more pictures.
const DRAWN_PER_SECOND: u8 = 20;

/// stderr, shared by log and progress bars. Cheap to clone; all clones are the same terminal.
#[derive(Debug, Clone)]
pub struct Terminal {
    bars: MultiProgress,
    is_terminal: bool,
    colours: bool,
    /// Whether results went to a terminal when the program began: one that was closed since is none any more.
    prints_to_terminal: bool,
}

impl Terminal {
    /// stderr as it is: a terminal, or not. Colours are off with `NO_COLOR`.
    ///
    /// # Errors
    /// Fails if `NO_COLOR` is not UTF-8.
    pub fn stderr(environment: &Environment) -> Result<Self> {
        let dumb = environment.get("TERM")?.is_none_or(|term| term == "dumb");
        let is_terminal = io::stderr().is_terminal() && !dumb;
        let target = if is_terminal {
            ProgressDrawTarget::term_like_with_hz(Box::new(Screen::default()), DRAWN_PER_SECOND)
        } else {
            ProgressDrawTarget::hidden()
        };
        Ok(Self {
            bars: MultiProgress::with_draw_target(target),
            is_terminal,
            colours: is_terminal && environment.get("NO_COLOR")?.is_none(),
            prints_to_terminal: io::stdout().is_terminal(),
        })
    }

    /// Nobody is watching.
    #[must_use]
    pub fn hidden() -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            is_terminal: false,
            colours: false,
            prints_to_terminal: false,
        }
    }

    /// Whether somebody is watching.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether colours may be used.
    #[must_use]
    pub fn colours(&self) -> bool {
        self.colours
    }

    /// Where progress bars are drawn.
    #[must_use]
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Writes to stderr, above the bars. If stderr is gone, there is nobody left to tell.
    #[expect(
        clippy::let_underscore_must_use,
        reason = "a log that nobody can receive must not stop a backup"
    )]
    pub fn log(&self, bytes: &[u8]) {
        waiting(|| {
            self.bars.suspend(|| {
                let _ = io::stderr().lock().write_all(bytes);
            });
        });
    }

    fn print(&self, text: &str) -> Result<()> {
        let write = || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        };
        let written = waiting(|| self.bars.suspend(write));
        match written {
            Err(error) if self.reader_is_gone(&error) => Ok(()),
            other => {
                other.map_err(|error| Error::new(ErrorKind::Internal, "write the result to stdout").because(error))
            }
        }
    }

    /// `list | head` has seen what it wanted; and nobody looks at a terminal that was closed, which a run outlives if hangups are ignored (`nohup`).
    fn reader_is_gone(&self, error: &io::Error) -> bool {
        let closed = self.prints_to_terminal && error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error());
        closed || error.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Does what may wait for a reader (a full pipe, a stopped terminal) and lets the other tasks of its worker go on meanwhile: leases are renewed and
/// timers ring.
#[expect(
    clippy::disallowed_methods,
    reason = "only on a runtime of many threads, which was looked at; a write cannot be moved to another thread with what it borrows"
)]
pub fn waiting<T>(write: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(write),
        _ => write(),
    }
}

/// The result of a verb: JSON by its `Serialize`, for people by [`Self::text`].
pub trait Report: Serialize {
    /// Plain text with its final line end, or nothing; names in it made safe ([`crate::table::safe`]).
    fn text(&self) -> String;
}

/// stdout: one result in JSON, or lines for people.
#[derive(Debug, Clone)]
pub struct Output {
    terminal: Terminal,
    json: bool,
    quiet: bool,
}

impl Output {
    /// In JSON with `json`; quiet output leaves out [`Self::line`].
    #[must_use]
    pub fn new(terminal: Terminal, json: bool, verbosity: Verbosity) -> Self {
        Self {
            terminal,
            json,
            quiet: verbosity == Verbosity::Quiet,
        }
    }

    /// Where progress and log go.
    #[must_use]
    pub fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// Prints the result, once, at the end.
    ///
    /// # Errors
    /// Fails if stdout does; a reader that went away is no failure.
    pub fn report(&self, report: &impl Report) -> Result<()> {
        if !self.json {
            return self.terminal.print(&report.text());
        }
        let json = serde_json::to_string(report);
        let json = json.map_err(|error| Error::new(ErrorKind::Internal, "write the result as JSON").because(error))?;
        self.terminal.print(&format!("{json}\n"))
    }

    /// Prints a line on the way, for people only: the documented lines of the scripts. The text is made safe.
    ///
    /// # Errors
    /// As [`Self::report`].
    pub fn line(&self, text: &str) -> Result<()> {
        if self.json || self.quiet {
            return Ok(());
        }
        self.terminal.print(&format!("{}\n", crate::table::safe(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, time::Duration};
    use tokio::{runtime::Builder, sync::oneshot};

    #[test]
    fn what_waits_for_a_reader_lets_the_other_tasks_of_the_only_worker_go_on() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (reader, write) = mpsc::channel();
        let (begun, begins) = oneshot::channel();
        let written = runtime.block_on(async {
            let writing = tokio::spawn(async move {
                begun.send(()).unwrap();
                waiting(|| write.recv_timeout(Duration::from_secs(60)))
            });
            begins.await.unwrap();
            tokio::spawn(async move { reader.send("read") });
            writing.await.unwrap()
        });
        assert_eq!(written, Ok("read"));
    }

    #[tokio::test]
    async fn on_a_runtime_of_one_thread_it_just_waits() {
        assert_eq!(waiting(|| 7), 7);
    }
}

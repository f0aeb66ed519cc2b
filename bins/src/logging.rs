//! The log on stderr.

use crate::config::common::{LogFormat, Verbosity};
use crate::{output::Terminal, repeatable::masked};
use backup_core::{Error, ErrorKind, Result};
use std::io;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Crates of this suite. Others log warnings at most, at any verbosity: HTTP clients write headers, which hold secrets, into their details.
const OWN: [&str; 4] = ["backup_bins", "backup_core", "backup_postgres", "backup_vault"];

/// Installs the log for the whole process.
///
/// # Errors
/// Fails if there is one already.
pub fn install(format: LogFormat, verbosity: Verbosity, terminal: &Terminal) -> Result<()> {
    let installed = match format {
        LogFormat::Text => text(verbosity, terminal.clone(), terminal.colours()).try_init(),
        LogFormat::Json => json(verbosity, terminal.clone()).try_init(),
    };
    installed.map_err(|error| Error::new(ErrorKind::Internal, "install the log").because(error))
}

fn text<W>(verbosity: Verbosity, writer: W, colours: bool) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_ansi(colours).with_target(false).with_writer(writer);
    tracing_subscriber::registry().with(targets(verbosity)).with(lines)
}

fn json<W>(verbosity: Verbosity, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_writer(writer);
    tracing_subscriber::registry().with(targets(verbosity)).with(lines)
}

fn targets(verbosity: Verbosity) -> Targets {
    let own = match verbosity {
        Verbosity::Quiet => LevelFilter::WARN,
        Verbosity::Normal => LevelFilter::INFO,
        Verbosity::Verbose => LevelFilter::DEBUG,
    };
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets(OWN.map(|name| (name, own)))
}

/// The log goes through the terminal, so that a line does not tear progress bars apart.
impl<'a> MakeWriter<'a> for Terminal {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            terminal: self.clone(),
            bytes: Vec::new(),
        }
    }
}

/// One record of the log; shown when dropped.
#[derive(Debug)]
pub struct Line {
    terminal: Terminal,
    bytes: Vec<u8>,
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // What servers and client programs said may quote a secret.
        self.terminal
            .log(masked(&String::from_utf8_lossy(&self.bytes)).as_bytes());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Keeps what would have been written.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        pub(crate) fn during_json(&self, act: impl FnOnce()) {
            tracing::subscriber::with_default(json(Verbosity::Normal, self.clone()), act);
        }

        pub(crate) fn during_text(&self, verbosity: Verbosity, act: impl FnOnce()) {
            tracing::subscriber::with_default(text(verbosity, self.clone(), false), act);
        }
    }

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn json_lines_are_objects_with_level_and_message() {
        let kept = Kept::default();
        kept.during_json(|| tracing::info!(name = "a\nb", "did it"));
        let line: serde_json::Value = serde_json::from_str(&kept.text()).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "did it");
        assert_eq!(line["name"], "a\nb");
    }

    #[test]
    fn details_of_other_crates_are_never_logged() {
        let kept = Kept::default();
        kept.during_text(Verbosity::Verbose, || {
            tracing::debug!(target: "hyper::proto", "authorization: secret");
            tracing::debug!("own detail");
        });
        assert!(kept.text().contains("own detail") && !kept.text().contains("authorization"));
    }

    #[test]
    fn quiet_shows_warnings_only() {
        let kept = Kept::default();
        kept.during_text(Verbosity::Quiet, || {
            tracing::info!("fine");
            tracing::warn!("look");
        });
        assert!(kept.text().contains("look") && !kept.text().contains("fine"));
    }
}

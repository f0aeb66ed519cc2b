//! Exit codes: the contract with schedulers and scripts.

use crate::signals::Signal;
use backup_core::{Error, ErrorKind};

/// How a program ends. The number is part of the interface and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// A defect of the program, or a resource of this machine that ran out; also a panic.
    Internal = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A file, variable or value of the configuration is missing, unreadable or wrong.
    Config = 3,
    /// Another live run holds the lease.
    Locked = 4,
    /// The server to back up or restore cannot be reached.
    SourceUnreachable = 5,
    /// The server to back up or restore failed.
    SourceFailed = 6,
    /// The store cannot be reached.
    StoreUnreachable = 7,
    /// The store failed.
    StoreFailed = 8,
    /// What was asked for does not exist.
    NotFound = 9,
    /// Damage was found.
    Damaged = 10,
    /// A rule forbids it.
    Refused = 11,
    /// There are findings to look at.
    Findings = 12,
    /// A key is missing or wrong.
    Key = 13,
    /// Stopped by SIGHUP.
    HungUp = 129,
    /// Stopped by SIGINT.
    Interrupted = 130,
    /// Stopped by SIGQUIT.
    Quit = 131,
    /// Stopped by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::Ok,
        Self::Internal,
        Self::Usage,
        Self::Config,
        Self::Locked,
        Self::SourceUnreachable,
        Self::SourceFailed,
        Self::StoreUnreachable,
        Self::StoreFailed,
        Self::NotFound,
        Self::Damaged,
        Self::Refused,
        Self::Findings,
        Self::Key,
        Self::HungUp,
        Self::Interrupted,
        Self::Quit,
        Self::Terminated,
    ];

    /// The number that the parent process sees.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it means, for `--help`.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "all is well",
            Self::Internal => "internal error",
            Self::Usage => "the command line is wrong",
            Self::Config => "the configuration is wrong or unreadable",
            Self::Locked => "locked by another run",
            Self::SourceUnreachable => "the server cannot be reached",
            Self::SourceFailed => "the server, or its tool, failed",
            Self::StoreUnreachable => "the store cannot be reached",
            Self::StoreFailed => "the store failed",
            Self::NotFound => "not found",
            Self::Damaged => "damage found",
            Self::Refused => "refused by a rule",
            Self::Findings => "findings (from check, with --strict, or of a look after a restore)",
            Self::Key => "a key is missing or wrong",
            Self::HungUp => "stopped by SIGHUP",
            Self::Interrupted => "stopped by SIGINT",
            Self::Quit => "stopped by SIGQUIT",
            Self::Terminated => "stopped by SIGTERM",
        }
    }

    /// How a failed verb ends.
    ///
    /// A signal that came before the failure is its reason, whatever broke first: a terminal sends SIGINT to `pg_dump` as well, which then fails.
    #[must_use]
    pub fn of(error: &Error, signal: Option<Signal>) -> Self {
        signal.map_or_else(|| Self::from(error.kind()), Signal::exit)
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Config => Self::Config,
            ErrorKind::Locked => Self::Locked,
            ErrorKind::SourceUnreachable => Self::SourceUnreachable,
            ErrorKind::SourceFailed => Self::SourceFailed,
            ErrorKind::StoreUnreachable => Self::StoreUnreachable,
            ErrorKind::StoreFailed => Self::StoreFailed,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Damaged => Self::Damaged,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Findings => Self::Findings,
            ErrorKind::Key => Self::Key,
            ErrorKind::Cancelled => Self::Interrupted,
            // The enum may grow; what this program does not know is internal.
            _ => Self::Internal,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table of exit codes as it stands at the end of `--help`.
#[must_use]
pub fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        text.push_str(&format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_documented_number() {
        let table = [
            (ErrorKind::Internal, 1),
            (ErrorKind::Usage, 2),
            (ErrorKind::Config, 3),
            (ErrorKind::Locked, 4),
            (ErrorKind::SourceUnreachable, 5),
            (ErrorKind::SourceFailed, 6),
            (ErrorKind::StoreUnreachable, 7),
            (ErrorKind::StoreFailed, 8),
            (ErrorKind::NotFound, 9),
            (ErrorKind::Damaged, 10),
            (ErrorKind::Refused, 11),
            (ErrorKind::Findings, 12),
            (ErrorKind::Key, 13),
            (ErrorKind::Cancelled, 130),
        ];
        for (kind, code) in table {
            assert_eq!(Exit::of(&Error::new(kind, "x"), None).code(), code, "{kind:?}");
        }
        assert_eq!(Exit::Ok.code(), 0);
    }

    #[test]
    fn a_signal_decides_the_number_whatever_failed_first() {
        for kind in [ErrorKind::Cancelled, ErrorKind::SourceFailed] {
            let error = Error::new(kind, "x");
            let ends = |signal| Exit::of(&error, Some(signal)).code();
            assert_eq!((ends(Signal::Hangup), ends(Signal::Interrupt)), (129, 130));
            assert_eq!((ends(Signal::Quit), ends(Signal::Terminate)), (131, 143));
        }
    }

    #[test]
    fn help_names_each_number_once() {
        let help = help();
        let lines: Vec<_> = help.lines().skip(1).collect();
        assert_eq!(lines.len(), Exit::ALL.len());
        for (line, exit) in lines.iter().zip(Exit::ALL) {
            assert_eq!(line.trim(), format!("{}  {}", exit.code(), exit.meaning()));
        }
    }
}

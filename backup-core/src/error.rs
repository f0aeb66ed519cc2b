//! The error type of the suite: what failed, why, and what the operator can do about it.

use std::fmt;

/// Result of every fallible operation of the core and the components.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A boxed cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What class of failure this is. Programs map each kind to one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A defect of this program, or a resource of this machine that ran out.
    Internal,
    /// The command line is wrong.
    Usage,
    /// A configuration file, variable or value is missing, unreadable or wrong.
    Config,
    /// Another live run holds the lease.
    Locked,
    /// The server to back up or restore cannot be reached.
    SourceUnreachable,
    /// The server to back up or restore was reached, and failed.
    SourceFailed,
    /// The store cannot be reached.
    StoreUnreachable,
    /// The store was reached, and failed.
    StoreFailed,
    /// What was asked for does not exist.
    NotFound,
    /// Stored bytes are damaged, incomplete or not what they claim to be.
    Damaged,
    /// A rule of the suite forbids it.
    Refused,
    /// It worked, and there are findings to look at (`--strict`, `check`).
    Findings,
    /// A key is missing or wrong.
    Key,
    /// A signal or the caller asked to stop.
    Cancelled,
}

/// An error for the operator.
///
/// `Display` shows what failed, never the cause: the cause chain is in [`std::error::Error::source`], advice in [`Error::hints`]. No message,
/// hint or cause ever holds a secret.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
    source: Option<BoxError>,
}

impl Error {
    /// Makes an error of `kind`; `message` is a lower-case fragment without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hints: Vec::new(),
            source: None,
        }))
    }

    /// The error of work that was told to stop before it did `what`, as "read the manifest". Programs say in front of it what stopped them.
    pub fn cancelled(what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Cancelled, format!("it had yet to {what}"))
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds advice for the operator, shown after `HINT:`.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Wraps this error in what was being done; kind and hints stay.
    #[must_use]
    pub fn context(self, doing: impl Into<String>) -> Self {
        let hints = self.0.hints.clone();
        Self(Box::new(Inner {
            kind: self.0.kind,
            message: doing.into(),
            hints,
            source: Some(Box::new(self)),
        }))
    }

    /// The class of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Advice for the operator, in the order in which it was given.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// The whole chain in one line, `what: why: why`.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.chain())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_keeps_kind_hints_and_chain() {
        let error = Error::new(ErrorKind::Damaged, "chunk 3 does not open")
            .hint("restore another backup")
            .context("read a.pbe");
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert_eq!(error.hints(), ["restore another backup"]);
        assert_eq!(error.chain(), "read a.pbe: chunk 3 does not open");
        assert_eq!(error.to_string(), "read a.pbe");
    }
}

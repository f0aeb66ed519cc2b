//! Errors of stores, and what may be tried again.

use super::Key;
use crate::{Error, ErrorKind, error::BoxError};
use std::fmt;

/// What a store said, or why nothing was heard from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// `Create` found an object, or `Match` found another one.
    Conflict,
    /// Bucket or container does not exist.
    NoBucket,
    /// Credentials are wrong, missing or expired.
    Unauthenticated,
    /// Credentials are good and lack a right.
    Forbidden,
    /// No connection, or none that answered in time.
    Unreachable,
    /// The connection ended before the answer did.
    Interrupted,
    /// The store asks to slow down.
    Throttled,
    /// The store failed by itself (HTTP 5xx and the like).
    Server,
    /// No room is left.
    Full,
    /// The store got or gave other bytes than were sent or recorded.
    Corrupt,
    /// Encryption by the store was asked for and is not confirmed.
    NotEncrypted,
    /// The adapter cannot hold this key byte for byte.
    InvalidKey,
    /// This store cannot do it.
    Unsupported,
    /// The object changed or vanished while it was read.
    Changed,
    /// The upload is not there: completed, aborted or removed by a rule of the bucket.
    NoUpload,
    /// Anything else.
    Other,
}

/// Whether trying again can help. It is decided where the error is made, nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Trying again gives the same answer.
    Never,
    /// It may go away. The request may or may not have been carried out.
    Maybe,
    /// It was tried again until the deadline: outer layers must not start anew.
    Exhausted,
}

/// A failed store operation.
///
/// `Display` is what failed on which key; the cause is in `source()`.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    retry: Retry,
    operation: &'static str,
    key: Key,
    source: Option<BoxError>,
}

impl StoreError {
    /// An error of `operation` ("put", "list") on `key`. Retryability follows from the kind.
    #[must_use]
    pub fn new(kind: StoreErrorKind, operation: &'static str, key: &Key) -> Self {
        use StoreErrorKind as K;
        let retry = match kind {
            K::Unreachable | K::Interrupted | K::Throttled | K::Server | K::Corrupt => Retry::Maybe,
            _ => Retry::Never,
        };
        Self {
            kind,
            retry,
            operation,
            key: key.clone(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Marks the error as tried until the deadline.
    #[must_use]
    pub fn exhausted(mut self) -> Self {
        self.retry = Retry::Exhausted;
        self
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// The key that was worked on, relative to the store's root.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use StoreErrorKind as K;
        let what = match self.kind {
            K::Conflict => "another object is there",
            K::NoBucket => "the bucket does not exist",
            K::Unauthenticated => "the store does not accept the credentials",
            K::Forbidden => "a right is missing",
            K::Unreachable => "the store does not answer",
            K::Interrupted => "the connection broke",
            K::Throttled => "the store asks to slow down",
            K::Server => "the store failed",
            K::Full => "no room is left in the store",
            K::Corrupt => "the bytes are not those that were sent",
            K::NotEncrypted => "the store does not confirm the encryption that was asked for",
            K::InvalidKey => "this store cannot hold such a key",
            K::Unsupported => "this store cannot do it",
            K::Changed => "the object changed while it was read",
            K::NoUpload => "the store does not know the upload any more",
            K::Other => "unexpected answer of the store",
        };
        if self.key.is_root() {
            write!(f, "{}: {what}", self.operation)
        } else {
            write!(f, "{} {}: {what}", self.operation, self.key)
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        use StoreErrorKind as K;
        let (kind, hint) = match error.kind {
            K::Unreachable | K::Interrupted => (
                ErrorKind::StoreUnreachable,
                Some(
                    "check the endpoint (AWS_ENDPOINT_URL: host, port, http or https), the network and the store itself",
                ),
            ),
            K::Unauthenticated => (
                ErrorKind::StoreFailed,
                Some("check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"),
            ),
            K::Forbidden => (
                ErrorKind::StoreFailed,
                Some(
                    "who it is that asks (by the credentials; for a folder, the user of this process) needs to list, read, write and (for prune) delete under the repository",
                ),
            ),
            K::NoBucket => (
                ErrorKind::StoreFailed,
                Some("create the bucket, or correct --store / BACKUP_STORE"),
            ),
            K::Full => (ErrorKind::StoreFailed, Some("free room in the store, or run `prune`")),
            K::NotEncrypted => (
                ErrorKind::Refused,
                Some(
                    "give a key (BACKUP_KEY_FILE) to encrypt here, or use a store that encrypts (KMS set up) and says so",
                ),
            ),
            K::NoUpload => (
                ErrorKind::StoreFailed,
                Some("did a lifecycle rule of the bucket, or another program, abort it?"),
            ),
            K::Corrupt | K::Changed => (ErrorKind::Damaged, None),
            K::Conflict | K::Throttled | K::Server | K::InvalidKey | K::Unsupported | K::Other => {
                (ErrorKind::StoreFailed, None)
            }
        };
        let wrapped = Error::new(kind, error.to_string());
        let wrapped = match hint {
            Some(hint) => wrapped.hint(hint),
            None => wrapped,
        };
        match error.source {
            Some(source) => wrapped.because(source),
            None => wrapped,
        }
    }
}

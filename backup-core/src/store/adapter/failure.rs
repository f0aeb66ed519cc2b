//! From errors of `object_store`, HTTP and S3 to [`StoreErrorKind`]: the one place that decides what an answer means.

use crate::store::{Key, StoreError, StoreErrorKind as Kind};
use http::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};
use std::{error::Error as StdError, fmt, io};

/// No error document is longer; the rest of a longer one is not read.
pub(super) const LONGEST_DOCUMENT: usize = 64 * 1024;

/// An error answer of an HTTP store.
///
/// Holds status, code and message only: the other elements of S3's error document quote what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    message: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorDocument {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Refusal {
    /// Reads S3's error document, if `body` is one.
    pub(super) fn parse(status: StatusCode, body: &[u8]) -> Self {
        let document = std::str::from_utf8(body)
            .ok()
            .filter(|text| is_error_document(text))
            .and_then(|text| quick_xml::de::from_str::<ErrorDocument>(text).ok());
        let (code, message) = document.map_or_else(Default::default, |document| (document.code, document.message));
        Self {
            status,
            code,
            message: message.chars().take(300).collect(),
        }
    }

    fn kind(&self) -> Kind {
        self.kind_of_code().unwrap_or_else(|| self.kind_of_status())
    }

    fn kind_of_code(&self) -> Option<Kind> {
        Some(match self.code.as_str() {
            "NoSuchBucket" | "InvalidBucketName" => Kind::NoBucket,
            "NoSuchUpload" => Kind::NoUpload,
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "MissingSecurityHeader"
            | "ExpiredTokenException"
            | "RequestTimeTooSkewed" => Kind::Unauthenticated,
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => Kind::Forbidden,
            "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequests"
            | "RequestLimitExceeded"
            | "SlowDownRead"
            | "SlowDownWrite" => Kind::Throttled,
            "RequestTimeout" | "IncompleteBody" => Kind::Interrupted,
            "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" => {
                Kind::Corrupt
            }
            "XMinioStorageFull" | "QuotaExceeded" | "XMinioAdminBucketQuotaExceeded" => Kind::Full,
            // AWS: another conditional write is under way; which one wins is seen by asking again.
            "ConditionalRequestConflict" | "OperationAborted" => Kind::Server,
            "KMSNotConfigured" => Kind::NotEncrypted,
            code if code.starts_with("KMS.") => Kind::NotEncrypted,
            "NotImplemented" if self.message.contains("KMS") => Kind::NotEncrypted,
            "XMinioInvalidObjectName" | "KeyTooLongError" => Kind::InvalidKey,
            "InternalError" => Kind::Server,
            _ => return None,
        })
    }

    fn kind_of_status(&self) -> Kind {
        match self.status.as_u16() {
            401 => Kind::Unauthenticated,
            403 => Kind::Forbidden,
            405 | 501 => Kind::Unsupported,
            408 => Kind::Interrupted,
            404 => Kind::Changed,
            409 | 412 => Kind::Conflict,
            429 | 503 => Kind::Throttled,
            507 => Kind::Full,
            500..=599 => Kind::Server,
            _ => Kind::Other,
        }
    }
}

/// Whether an answer is S3's error document; with status 200 that is a failed copy or completion.
pub(super) fn is_error_document(body: &str) -> bool {
    let mut rest = body.trim_start_matches('\u{feff}').trim_start();
    if rest.starts_with("<?xml") {
        rest = rest.split_once("?>").map_or("", |(_, rest)| rest).trim_start();
    }
    rest.starts_with("<Error>") || rest.starts_with("<Error ")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status.as_u16())?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code.escape_debug())?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message.escape_debug())?;
        }
        Ok(())
    }
}

impl StdError for Refusal {}

/// Whether the error says that there is no such object. A missing bucket and a vanished upload are something else.
pub(super) fn is_absent(error: &object_store::Error) -> bool {
    match find::<Refusal>(error) {
        Some(refusal) => {
            refusal.status == StatusCode::NOT_FOUND && !matches!(refusal.code.as_str(), "NoSuchBucket" | "NoSuchUpload")
        }
        None => matches!(error, object_store::Error::NotFound { .. }),
    }
}

/// Whether the store named the missing thing; an answer to HEAD has no body to name it in.
pub(super) fn is_named(error: &object_store::Error) -> bool {
    find::<Refusal>(error).is_none_or(|refusal| !refusal.code.is_empty())
}

/// The error of `operation` on `key`.
pub(super) fn store_error(error: &object_store::Error, operation: &'static str, key: &Key) -> StoreError {
    let (kind, cause) = diagnose(error);
    StoreError::new(kind, operation, key).because(cause)
}

/// The error of an HTTP request that was made without `object_store`.
pub(super) fn http_error(error: &HttpError, operation: &'static str, key: &Key) -> StoreError {
    let (kind, cause) = diagnose(error);
    StoreError::new(kind, operation, key).because(cause)
}

fn diagnose(error: &(dyn StdError + 'static)) -> (Kind, String) {
    if let Some(refusal) = find::<Refusal>(error) {
        return (refusal.kind(), refusal.to_string());
    }
    if let Some(http) = find::<HttpError>(error) {
        return (kind_of_http(http), deepest(http));
    }
    if let Some(io) = find::<io::Error>(error) {
        return (kind_of_io(io), io.to_string());
    }
    if let Some(spared) = failed_deletion(error) {
        return spared;
    }
    let kind = find::<object_store::Error>(error).map_or(Kind::Other, kind_of_variant);
    (kind, deepest(error))
}

fn kind_of_http(error: &HttpError) -> Kind {
    match error.kind() {
        HttpErrorKind::Connect | HttpErrorKind::Timeout => Kind::Unreachable,
        _ => Kind::Interrupted,
    }
}

/// Never a kind that is tried again: a local disk does not get well by itself, and a walk that failed cannot go on.
pub(in crate::store) fn kind_of_io(error: &io::Error) -> Kind {
    use io::ErrorKind as E;
    match error.kind() {
        E::StorageFull | E::QuotaExceeded | E::FileTooLarge => Kind::Full,
        E::PermissionDenied | E::ReadOnlyFilesystem => Kind::Forbidden,
        E::NotADirectory | E::IsADirectory | E::InvalidFilename => Kind::InvalidKey,
        E::AlreadyExists => Kind::Conflict,
        _ => Kind::Other,
    }
}

fn kind_of_variant(error: &object_store::Error) -> Kind {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => Kind::Changed,
        E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => Kind::Conflict,
        E::InvalidPath { .. } => Kind::InvalidKey,
        E::NotSupported { .. } | E::NotImplemented { .. } => Kind::Unsupported,
        E::PermissionDenied { .. } => Kind::Forbidden,
        E::Unauthenticated { .. } => Kind::Unauthenticated,
        _ => Kind::Other,
    }
}

/// `object_store` keeps the code of a key that a bulk deletion spared in its text only: `… {message} (code: {code})`.
fn failed_deletion(error: &(dyn StdError + 'static)) -> Option<(Kind, String)> {
    let text = deepest(error);
    let code = text.strip_suffix(')')?.rsplit_once("(code: ")?.1.to_owned();
    let refusal = Refusal {
        status: StatusCode::OK,
        code,
        message: String::new(),
    };
    Some((refusal.kind_of_code().unwrap_or(Kind::Server), text))
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        current = error.source();
    }
    None
}

/// The text at the end of the chain: the outer ones repeat it and add addresses.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

//! Answers: bounded, and understood.

use super::failure::{Result, VaultError, VaultErrorKind};
use reqwest::{Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};

/// More than any answer that is read as a whole has.
const LIMIT: usize = 256 << 10;
/// As much of an error as fits on a screen.
const SHOWN: usize = 400;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Vec<u8>,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

impl Answer {
    /// Reads a body of at most 256 KiB.
    pub(super) async fn read(mut response: Response, doing: &str) -> Result<Self> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| transport(error, doing))? {
            if body.len() + piece.len() > LIMIT {
                return Err(VaultError::new(VaultErrorKind::Unexpected, doing).said("the answer is too long"));
            }
            body.extend_from_slice(&piece);
        }
        let status = response.status();
        Ok(Self { status, body })
    }

    /// Its JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, doing: &str) -> Result<T> {
        // The cause is left out: serde_json quotes what it found, and the answers to logins hold tokens.
        serde_json::from_slice(&self.body)
            .map_err(|_| VaultError::new(VaultErrorKind::Unexpected, doing).said("not what Vault answers"))
    }

    /// The answer, if it is a good one.
    pub(super) fn good(self, doing: &str) -> Result<Self> {
        if self.status.is_success() {
            Ok(self)
        } else {
            Err(self.error(doing))
        }
    }

    /// What went wrong, by Vault's own texts (`http/handler.go`, `vault/logical_system_raft.go`).
    pub(super) fn error(&self, doing: &str) -> VaultError {
        let said = self.said();
        VaultError::new(kind(self.status, &said), doing).said(shown(self.status, &said))
    }

    /// Whether it is an error in Vault's own form. A proxy has another.
    pub(super) fn is_vaults(&self) -> bool {
        serde_json::from_slice::<Errors>(&self.body).is_ok()
    }

    /// The errors, or the first line of an answer that is not Vault's.
    fn said(&self) -> String {
        match serde_json::from_slice::<Errors>(&self.body) {
            Ok(errors) => errors.errors.join("; "),
            Err(_) => String::from_utf8_lossy(&self.body)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

fn kind(status: StatusCode, said: &str) -> VaultErrorKind {
    use VaultErrorKind as K;
    let says = |text: &str| said.contains(text);
    match status.as_u16() {
        403 if says("invalid token") || says("bad token") => K::TokenInvalid,
        403 => K::Forbidden,
        400 | 401 if says("missing client token") => K::TokenMissing,
        400 if says("could not verify hash file") => K::OtherSeal,
        400 if says("unavailable in namespaces") || says("root namespace") => K::Namespace,
        _ if says("raft storage is not in use") || says("unsupported path") => K::NotRaft,
        413 => K::BodyLimit,
        429 => K::Throttled,
        503 if says("overloaded") => K::Throttled,
        _ if says("nothing new to snapshot") => K::NothingNew,
        // The first in reports of users, the second what 1.19 says when its http_read_timeout is over.
        _ if says("failed to read request body") || says("i/o timeout") => K::UploadCut,
        _ if says("not initialized") => K::NotInitialized,
        _ if says("not active") || says("no active Vault") => K::NoLeader,
        503 if says("sealed") => K::Sealed,
        503 => K::NoLeader,
        500.. => K::Server,
        _ => K::Unexpected,
    }
}

/// The words of the server in one line that may go to a terminal.
fn shown(status: StatusCode, said: &str) -> String {
    let words = said.split(|character: char| character.is_whitespace() || character.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(SHOWN).collect();
    let separator = if line.is_empty() { "" } else { ": " };
    format!("HTTP {}{separator}{line}", status.as_u16())
}

/// An error below HTTP.
pub(super) fn transport(error: reqwest::Error, doing: &str) -> VaultError {
    use VaultErrorKind as K;
    let kind = if is_tls(&error) {
        K::Tls
    } else if error.is_connect() {
        K::Unreachable
    } else if error.is_timeout() {
        K::Stalled
    } else {
        K::Interrupted
    };
    VaultError::new(kind, doing).because(error.without_url())
}

/// Whether TLS is in the chain of causes. An I/O error hides the error within from `source()`.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    let within = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    within.is_some_and(|within| is_tls(within)) || error.source().is_some_and(is_tls)
}

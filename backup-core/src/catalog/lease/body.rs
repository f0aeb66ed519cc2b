//! What a lease entry says.

use crate::{
    Context, Error, ErrorKind, Result,
    catalog::{Format, Holder},
    id::Nonce,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The most bytes that a lease entry may have.
pub(super) const LIMIT: u64 = 64 << 10;

/// Whether a lease entry holds the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseState {
    /// It does, while it is fresh.
    Held,
    /// It was given back where nothing can be deleted.
    Released,
}

/// One lease entry. See `docs/FORMAT.md`, section 3, for the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/FORMAT.md is the authority on the fields")]
pub struct LeaseBody {
    pub format: Format,
    pub target: String,
    pub nonce: Nonce,
    pub state: LeaseState,
    pub host: String,
    pub pid: u32,
    pub purpose: String,
}

impl LeaseBody {
    pub(super) fn new(cx: &Context, target: &str, holder: &Holder, purpose: &str) -> Result<Self> {
        Ok(Self {
            format: Format,
            target: target.to_owned(),
            nonce: Nonce::random(cx.entropy.as_ref())?,
            state: LeaseState::Held,
            host: holder.host.clone(),
            pid: holder.pid,
            purpose: purpose.to_owned(),
        })
    }

    pub(super) fn released(&self) -> Self {
        Self {
            state: LeaseState::Released,
            ..self.clone()
        }
    }

    pub(super) fn encode(&self) -> Result<Bytes> {
        let mut bytes = serde_json::to_vec(self)
            .map_err(|error| Error::new(ErrorKind::Internal, "a lease has no JSON form").because(error))?;
        bytes.push(b'\n');
        Ok(bytes.into())
    }

    /// `None` if this is not a lease entry.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let json = bytes.strip_suffix(b"\n")?;
        // Not a failure of reading: whatever else stands there counts as held until it expires.
        serde_json::from_slice(json).ok()
    }
}

//! `meta.json`: what Raft knows about a snapshot.

use super::flaw::Flaw;
use serde::Deserialize;

/// The fields of Raft's `SnapshotMeta`. `Peers` is an older form of the configuration; later versions may add fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Meta {
    version: u64,
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) index: u64,
    pub(super) term: u64,
    pub(super) configuration: Configuration,
    pub(super) configuration_index: u64,
    pub(super) size: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Configuration {
    /// Go writes `null` for none.
    pub(super) servers: Option<Vec<Server>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Server {
    /// 0 votes; 1 does not; 2 will.
    pub(super) suffrage: u8,
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) address: String,
}

impl Meta {
    /// One JSON object, and nothing but white space after it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Flaw> {
        let meta: Self = serde_json::from_slice(text).map_err(|_| Flaw::Meta)?;
        match meta.version {
            1 => Ok(meta),
            _ => Err(Flaw::MetaVersion),
        }
    }
}

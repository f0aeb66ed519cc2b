//! What a manifest says of a snapshot.

use super::plan::Cluster;
use crate::snapshot::{Peer, SealFacts, SnapshotFacts};
use backup_core::{Error, ErrorKind, Result, catalog::Artifact};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a manifest says of a snapshot, in `artifacts[].details`. No digest of its content: manifests are readable by all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotDetails {
    /// The last log entry in it.
    pub raft_index: u64,
    /// The election period of that entry.
    pub raft_term: u64,
    /// How many keys it holds.
    pub keys: u64,
    /// Bytes of the state in it.
    pub state_length: u64,
    /// Bytes of the archive when unpacked.
    pub archive_length: u64,
    /// How it is unsealed.
    pub seal: SealFacts,
    /// The recovery keys, where the seal opens by itself.
    #[serde(default)]
    pub recovery: Option<SealFacts>,
    /// The servers of the cluster.
    pub peers: Vec<Peer>,
    /// The id of the cluster.
    pub cluster_id: String,
    /// The name of the cluster.
    pub cluster_name: String,
    /// Version of the server that was asked.
    pub vault_version: String,
    /// The server that sent it: the leader.
    pub leader: String,
    /// Milliseconds from its first byte to its last: about as long as Vault held its locks.
    pub transfer_ms: u64,
    /// When it was asked for.
    pub started: Timestamp,
    /// When it was stored and verified.
    pub finished: Timestamp,
}

/// What the run knows beside the facts.
#[derive(Debug)]
pub(super) struct Circumstances {
    pub(super) cluster: Cluster,
    pub(super) leader: String,
    pub(super) transfer: Duration,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
}

impl SnapshotDetails {
    pub(super) fn new(facts: &SnapshotFacts, around: Circumstances) -> Self {
        Self {
            raft_index: facts.index,
            raft_term: facts.term,
            keys: facts.keys.total.keys,
            state_length: facts.state_length,
            archive_length: facts.archive_length,
            seal: facts.seal.clone(),
            recovery: facts.recovery.clone(),
            peers: facts.peers.clone(),
            cluster_id: around.cluster.id,
            cluster_name: around.cluster.name,
            vault_version: around.cluster.version,
            leader: around.leader,
            transfer_ms: u64::try_from(around.transfer.as_millis()).unwrap_or(u64::MAX),
            started: around.started,
            finished: around.finished,
        }
    }

    /// What the manifest says of `artifact`.
    ///
    /// # Errors
    /// `Damaged` if it is not what this target writes.
    pub fn of(artifact: &Artifact) -> Result<Self> {
        let details = serde_json::Value::Object(artifact.details.clone());
        serde_json::from_value(details).map_err(|error| {
            let what = format!(
                "the manifest does not describe {} as a snapshot of Vault",
                artifact.name
            );
            Error::new(ErrorKind::Damaged, what).because(error)
        })
    }

    /// Whether a snapshot with these facts is the one.
    #[must_use]
    pub fn describe(&self, facts: &SnapshotFacts) -> bool {
        let same = self.raft_index == facts.index
            && self.raft_term == facts.term
            && self.keys == facts.keys.total.keys
            && self.state_length == facts.state_length
            && self.archive_length == facts.archive_length;
        same && self.seal == facts.seal && self.recovery == facts.recovery && self.peers == facts.peers
    }

    pub(super) fn into_json(self) -> Result<serde_json::Map<String, serde_json::Value>> {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(map)) => Ok(map),
            Ok(_) => Err(Error::new(ErrorKind::Internal, "details are no object")),
            Err(error) => Err(Error::new(ErrorKind::Internal, "write details").because(error)),
        }
    }
}

//! What a proven snapshot is.

pub use super::sums::Digest;
use super::{meta::Meta, prefixes::KeyCounts, records::StateFacts};

/// A server of the cluster at the time of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Peer {
    /// Its name in the cluster.
    pub id: String,
    /// Its cluster address, as `vault-0.vault-internal:8201`.
    pub address: String,
    /// Whether it takes part in elections.
    pub voter: bool,
}

/// How a seal is opened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SealFacts {
    /// Its type: `shamir`, `awskms`, `transit`, …
    pub kind: String,
    /// How many shares there are (n). With a seal that opens by itself, 1.
    pub shares: u32,
    /// How many of them open it (t).
    pub threshold: u32,
}

/// The state of the last eight bytes of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trailer {
    /// There and right.
    Whole,
    /// Cut, and accepted so: all files and sums are proven.
    Cut,
}

/// What a proven snapshot is. Texts hold no control characters: they may be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFacts {
    /// Raft's name for it.
    pub id: String,
    /// The last log entry in it. It never goes down in the life of a cluster.
    pub index: u64,
    /// The election period of that entry.
    pub term: u64,
    /// The log entry that made `peers`.
    pub configuration_index: u64,
    /// The servers of the cluster.
    pub peers: Vec<Peer>,
    /// How it is unsealed.
    pub seal: SealFacts,
    /// The recovery keys, where the seal opens by itself.
    pub recovery: Option<SealFacts>,
    /// Its keys.
    pub keys: KeyCounts,
    /// Bytes of `state.bin`.
    pub state_length: u64,
    /// SHA-256 of `state.bin`.
    pub state_sha256: Digest,
    /// Bytes of the archive when unpacked.
    pub archive_length: u64,
    /// Bytes of the file.
    pub length: u64,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Its last bytes.
    pub trailer: Trailer,
}

/// What only the outermost layer knows.
#[derive(Debug)]
pub(super) struct FileFacts {
    pub(super) archive_length: u64,
    pub(super) length: u64,
    pub(super) sha256: Digest,
    pub(super) trailer: Trailer,
}

impl SnapshotFacts {
    /// The keys that people hold, and that a server counts: those that unseal it, or the recovery keys where the seal opens by itself.
    #[must_use]
    pub fn counted_keys(&self) -> &SealFacts {
        self.recovery.as_ref().unwrap_or(&self.seal)
    }

    pub(super) fn new(meta: Meta, state: StateFacts, state_sha256: Digest, file: FileFacts) -> Self {
        let servers = meta.configuration.servers.unwrap_or_default();
        let peer = |server: super::meta::Server| Peer {
            id: printable(&server.id),
            address: printable(&server.address),
            voter: server.suffrage == 0,
        };
        Self {
            id: printable(&meta.id),
            index: meta.index,
            term: meta.term,
            configuration_index: meta.configuration_index,
            peers: servers.into_iter().map(peer).collect(),
            seal: state.seal,
            recovery: state.recovery,
            keys: state.keys,
            state_length: meta.size,
            state_sha256,
            archive_length: file.archive_length,
            length: file.length,
            sha256: file.sha256,
            trailer: file.trailer,
        }
    }
}

/// `text` with its control characters escaped: it may come from an attacker and go to a terminal.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

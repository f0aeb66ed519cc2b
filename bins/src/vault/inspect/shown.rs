//! A snapshot for people and machines, in the order of `vault operator raft snapshot inspect`.

use crate::{
    output::Report,
    table::{Align, Table, safe},
};
use backup_core::hex;
use backup_vault::snapshot::{KeyCounts, Peer, SealFacts, SnapshotFacts, Trailer};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Shown {
    from: String,
    id: String,
    /// Bytes of the state, as the `vault` command counts.
    size: u64,
    index: u64,
    term: u64,
    version: u64,
    length: u64,
    sha256: String,
    state_sha256: String,
    trailer: Trailer,
    seal: SealFacts,
    recovery: Option<SealFacts>,
    peers: Vec<Peer>,
    keys: KeyCounts,
}

impl Shown {
    pub(super) fn new(from: String, facts: &SnapshotFacts) -> Self {
        Self {
            from,
            id: facts.id.clone(),
            size: facts.state_length,
            index: facts.index,
            term: facts.term,
            // The only one that is proven.
            version: 1,
            length: facts.length,
            sha256: hex::encode(&facts.sha256),
            state_sha256: hex::encode(&facts.state_sha256),
            trailer: facts.trailer,
            seal: facts.seal.clone(),
            recovery: facts.recovery.clone(),
            peers: facts.peers.clone(),
            keys: facts.keys.clone(),
        }
    }

    fn head(&self) -> Vec<(&'static str, String)> {
        let mut head = vec![
            ("ID", self.id.clone()),
            ("Size", self.size.to_string()),
            ("Index", self.index.to_string()),
            ("Term", self.term.to_string()),
            ("Version", self.version.to_string()),
            ("From", self.from.clone()),
            ("File", format!("{} bytes, SHA-256 {}", self.length, self.sha256)),
            ("State", format!("{} bytes, SHA-256 {}", self.size, self.state_sha256)),
            ("Seal", seal(&self.seal)),
        ];
        head.extend(
            self.recovery
                .as_ref()
                .map(|recovery| ("Recovery", recovery_keys(recovery))),
        );
        head.push(("Peers", self.peers.iter().map(peer).collect::<Vec<_>>().join(", ")));
        if self.trailer == Trailer::Cut {
            let cut = "CUT: the last bytes of the file are missing; all data in it is proven";
            head.push(("Trailer", cut.to_owned()));
        }
        head
    }
}

/// `shamir, 3 of 5 shares open it`. Where the seal opens by itself, its numbers are no shares that anybody holds.
fn seal(seal: &SealFacts) -> String {
    if seal.kind != "shamir" {
        return format!("{}, opens by itself", seal.kind);
    }
    format!("{}, {} of {} shares open it", seal.kind, seal.threshold, seal.shares)
}

fn recovery_keys(recovery: &SealFacts) -> String {
    format!(
        "{} of {} recovery keys; they do not open it",
        recovery.threshold, recovery.shares
    )
}

fn peer(peer: &Peer) -> String {
    let role = if peer.voter { "" } else { ", no voter" };
    format!("{} ({}{role})", peer.id, peer.address)
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.head() {
            text.push_str(&format!("{name:<9} {}\n", safe(&value)));
        }
        let mut table = Table::new([
            ("KEY NAME", Align::Left),
            ("COUNT", Align::Right),
            ("SIZE", Align::Right),
        ]);
        // As the `vault` command: most keys first, names in order among equals.
        let mut groups: Vec<_> = self.keys.by_prefix.iter().collect();
        groups.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.keys));
        for (prefix, tally) in groups {
            table.row([prefix.as_str(), &tally.keys.to_string(), &tally.bytes.to_string()]);
        }
        let (others, total) = (self.keys.others, self.keys.total);
        if others.keys > 0 {
            table.row(["(others)", &others.keys.to_string(), &others.bytes.to_string()]);
        }
        table.row(["TOTAL", &total.keys.to_string(), &total.bytes.to_string()]);
        format!("{text}\n{table}")
    }
}

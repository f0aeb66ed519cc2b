//! What a restore tells.

use crate::{
    output::Report,
    table::{bytes, safe},
    verbs::origin::{Described, Origin},
};
use backup_core::event::Finding;
use backup_vault::{
    Preflight, Restored,
    client::RestoredState,
    snapshot::{SealFacts, SnapshotFacts},
};
use serde::Serialize;
use std::time::Duration;

/// A restore that was carried out.
#[derive(Serialize)]
pub(super) struct Shown {
    server: String,
    from: String,
    replaced: String,
    state: &'static str,
    seal: SealFacts,
    restart_first: bool,
    cluster_name: Option<String>,
    cluster_id: Option<String>,
    keys: u64,
    index: u64,
    length: u64,
    listed_path: Option<String>,
    listed: Vec<String>,
    phases: Vec<Phase>,
    next_steps: Vec<String>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Phase {
    name: &'static str,
    seconds: f64,
}

impl Shown {
    /// `read`: how long the snapshot took to be read and proven.
    pub(super) fn new(origin: &Origin, facts: &SnapshotFacts, read: Duration, restored: &Restored) -> Self {
        let phase = |(name, took): (&'static str, Duration)| Phase {
            name,
            seconds: took.as_secs_f64(),
        };
        let phases = restored.phases.iter().map(|phase| (phase.name, phase.took));
        let listing = restored.listing.as_ref();
        Self {
            server: restored.server.clone(),
            from: origin.name(),
            replaced: restored.replaced.clone(),
            state: match restored.state {
                RestoredState::InForce => "running",
                RestoredState::Sealed => "sealed",
            },
            seal: restored.seal.clone(),
            restart_first: restored.restart_first,
            cluster_name: restored.cluster_name.clone(),
            cluster_id: restored.cluster_id.clone(),
            keys: facts.keys.total.keys,
            index: facts.index,
            length: facts.length,
            listed_path: listing.map(|listing| listing.path.clone()),
            listed: listing.map_or_else(Vec::new, |listing| listing.names.clone()),
            phases: std::iter::once(("read", read)).chain(phases).map(phase).collect(),
            next_steps: restored.next_steps.clone(),
            findings: restored.findings.clone(),
        }
    }

    fn cluster(&self) -> String {
        match (&self.cluster_name, &self.cluster_id) {
            (Some(name), Some(id)) => format!("cluster {name} ({id}) is in force"),
            _ if self.state == "sealed" => {
                let restart = if self.restart_first { "restart it, then " } else { "" };
                match by_people(&self.seal) {
                    Some(keys) => format!("SEALED: {restart}unseal it with the ORIGINAL keys, {keys}"),
                    None => format!(
                        "SEALED: it opens by its seal ({}) once that has the ORIGINAL key",
                        self.seal.kind
                    ),
                }
            }
            _ => "the restored state is in force".to_owned(),
        }
    }
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut text = format!(
            "restored {} from {}: {} keys, raft index {}\n{}\n",
            safe(&self.server),
            safe(&self.from),
            self.keys,
            self.index,
            safe(&self.cluster())
        );
        if let Some(path) = &self.listed_path {
            text.push_str(&format!("{}: {}\n", safe(path), safe(&self.listed.join(", "))));
        }
        let phases = self
            .phases
            .iter()
            .map(|phase| format!("{} {:.1} s", phase.name, phase.seconds));
        text.push_str(&format!("{}\n", phases.collect::<Vec<_>>().join(", ")));
        text.push_str("Next steps:\n");
        for (step, number) in self.next_steps.iter().zip(1..) {
            text.push_str(&format!("{number}. {}\n", safe(step)));
        }
        text
    }
}

/// `3 of 5 (shamir)`; `None` of a seal that opens by itself: nobody holds its keys.
fn by_people(seal: &SealFacts) -> Option<String> {
    (seal.kind == "shamir").then(|| format!("{} of {} ({})", seal.threshold, seal.shares, seal.kind))
}

/// What a dry run would do.
#[derive(Serialize)]
pub(super) struct PlannedRestore {
    #[serde(flatten)]
    origin: Described,
    keys: u64,
    index: u64,
    length: u64,
    seal: SealFacts,
    cluster_name: String,
    cluster_id: String,
    version: String,
    leader: String,
    peers: Vec<String>,
    restart_first: bool,
    findings: Vec<Finding>,
}

impl PlannedRestore {
    pub(super) fn new(origin: Described, facts: &SnapshotFacts, preflight: &Preflight) -> Self {
        Self {
            origin,
            keys: facts.keys.total.keys,
            index: facts.index,
            length: facts.length,
            seal: facts.seal.clone(),
            cluster_name: preflight.cluster_name.clone(),
            cluster_id: preflight.cluster_id.clone(),
            version: preflight.version.clone(),
            leader: preflight.leader.clone(),
            peers: preflight.peers.iter().map(|peer| peer.id.clone()).collect(),
            restart_first: preflight.restart_first,
            findings: preflight.findings.clone(),
        }
    }
}

impl Report for PlannedRestore {
    fn text(&self) -> String {
        let restart = if self.restart_first { "restarted, then " } else { "" };
        let opened = match by_people(&self.seal) {
            Some(keys) => format!(
                "it would be {restart}unsealed with the keys that were valid when the snapshot was taken: {keys}"
            ),
            None => format!(
                "it would open by its seal ({}) once that has the key of the snapshot",
                self.seal.kind
            ),
        };
        let lines = [
            format!(
                "would replace everything in the cluster {} ({}), Vault {}, at {}",
                self.cluster_name, self.cluster_id, self.version, self.leader
            ),
            format!("its servers: {}", self.peers.join(", ")),
            format!(
                "by {}: {}, {} keys, raft index {}, whole",
                self.origin,
                bytes(self.length),
                self.keys,
                self.index
            ),
            opened,
            format!("to do it: --confirm {}", self.cluster_name),
        ];
        lines.map(|line| format!("{}\n", safe(&line))).concat()
    }
}

//! What has changed since the backup before.

use super::{SnapshotDetails, VaultRaft};
use crate::snapshot::SnapshotFacts;
use backup_core::{
    Result,
    catalog::{Entry, Manifest, Repository, State, list},
    context::Context,
    event::{Finding, Quiet, Severity},
    id::BackupId,
};
use futures::TryStreamExt;
use std::{pin::pin, sync::Arc};

/// The subject of findings about the comparison itself.
const PREVIOUS: &str = "previous backup";

/// Compares a snapshot with the newest complete backup of the same cluster whose author is proved; the first of a cluster with the newest of another.
/// Never fails: a good snapshot is not lost because an older one cannot be read.
pub(super) async fn compare(
    cx: &Context,
    repository: &Repository,
    lineage: &str,
    facts: &SnapshotFacts,
) -> Vec<Finding> {
    match Before::find(cx, repository, lineage).await {
        Ok(Before { own: Some(own), .. }) => differences(&own, facts),
        Ok(before) => before
            .unproved()
            .or_else(|| before.rebuilt(lineage, facts))
            .into_iter()
            .collect(),
        Err(error) => {
            let message = format!("it cannot be compared with this one: {}", error.chain());
            vec![finding(Severity::Note, PREVIOUS, message, None)]
        }
    }
}

/// The newest complete backups before.
#[derive(Default)]
struct Before {
    /// Of this cluster.
    own: Option<Manifest>,
    /// Of this cluster, if no known key vouches for any of its own.
    unproved: Option<BackupId>,
    /// Of another cluster.
    other: Option<Manifest>,
}

impl Before {
    async fn find(cx: &Context, repository: &Repository, lineage: &str) -> Result<Self> {
        // What is passed over on the way is the business of `list`.
        let quiet = Context {
            events: Arc::new(Quiet),
            ..cx.clone()
        };
        let mut before = Self::default();
        let mut entries = pin!(list::entries(&quiet, repository).await?);
        while let Some(entry) = entries.try_next().await? {
            if entry.target() == Some(VaultRaft::NAME) && entry.state() == State::Complete {
                before.note(entry, lineage, cx);
            }
            if before.own.is_some() {
                break;
            }
        }
        Ok(before)
    }

    /// They come from the newest on.
    fn note(&mut self, entry: Entry, lineage: &str, cx: &Context) {
        let (id, authentic) = (entry.id, entry.is_authentic(cx));
        let Ok(signed) = entry.manifest else { return };
        match (signed.value.lineage == lineage, authentic) {
            (true, true) => self.own = Some(signed.value),
            (true, false) => self.unproved = self.unproved.or(Some(id)),
            (false, true) if self.other.is_none() => self.other = Some(signed.value),
            (false, _) => {}
        }
    }

    fn unproved(&self) -> Option<Finding> {
        let id = self.unproved?;
        let message = format!("index and keys are not compared with it ({id}): no known key vouches for it");
        Some(finding(Severity::Note, PREVIOUS, message, None))
    }

    /// A Vault that was initialised anew is another cluster: its backups are kept apart, and its emptiness would not be seen.
    fn rebuilt(&self, lineage: &str, facts: &SnapshotFacts) -> Option<Finding> {
        let other = self.other.as_ref()?;
        let keys = other.artifacts.first().and_then(|artifact| artifact.weight);
        let had = keys.map_or_else(String::new, |keys| format!(" with {keys} keys"));
        let message = format!(
            "this is the first backup of the cluster {lineage}, with {} keys; the newest before is {} of the cluster {}{had}",
            facts.keys.total.keys, other.id, other.lineage
        );
        let hint = "if this Vault was not rebuilt or added on purpose, VAULT_ADDR leads to the wrong one, or the old one is lost: `list` shows whose each backup is";
        Some(finding(Severity::Warning, "cluster", message, Some(hint)))
    }
}

fn differences(before: &Manifest, facts: &SnapshotFacts) -> Vec<Finding> {
    let Some(artifact) = before.artifacts.first() else {
        return Vec::new();
    };
    let details = match SnapshotDetails::of(artifact) {
        Ok(details) => details,
        Err(error) => return vec![finding(Severity::Note, PREVIOUS, error.chain(), None)],
    };
    let mut found = Vec::new();
    if facts.index < details.raft_index {
        let message = format!(
            "{} is lower than {} of the backup {}: the cluster was restored or rebuilt since",
            facts.index, details.raft_index, before.id
        );
        found.push(finding(Severity::Warning, "raft index", message, None));
    }
    let (keys, had) = (facts.keys.total.keys, details.keys);
    if had > 0 && keys <= had / 2 {
        let message = format!("{keys} are left of {had} in the backup {}", before.id);
        let hint =
            "if that is not meant, restore that backup; prune keeps it as long as newer ones hold no more than half";
        found.push(finding(Severity::Warning, "keys", message, Some(hint)));
    }
    found
}

fn finding(severity: Severity, subject: &str, message: String, hint: Option<&str>) -> Finding {
    Finding {
        severity,
        subject: subject.to_owned(),
        message,
        hint: hint.map(str::to_owned),
    }
}

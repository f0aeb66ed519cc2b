//! What has changed since the backup before.

use super::{SnapshotDetails, VaultRaft};
use crate::snapshot::SnapshotFacts;
use backup_core::{
    Result,
    catalog::{Manifest, Repository, list},
    context::Context,
    event::{Finding, Quiet, Severity},
};
use std::sync::Arc;

/// Compares a snapshot with the newest complete backup of the same cluster whose author is proved. Never fails: a good snapshot is not lost because
/// an older one cannot be read.
pub(super) async fn compare(
    cx: &Context,
    repository: &Repository,
    lineage: &str,
    facts: &SnapshotFacts,
) -> Vec<Finding> {
    match previous(cx, repository, lineage).await {
        Ok(Some(manifest)) => differences(&manifest, facts),
        Ok(None) => Vec::new(),
        Err(error) => {
            let message = format!("it cannot be compared with this one: {}", error.chain());
            vec![finding(Severity::Note, "previous backup", message, None)]
        }
    }
}

async fn previous(cx: &Context, repository: &Repository, lineage: &str) -> Result<Option<Manifest>> {
    // What is passed over on the way is the business of `list`.
    let quiet = Context {
        events: Arc::new(Quiet),
        ..cx.clone()
    };
    let wanted = |entry: &list::Entry| {
        let manifest = entry.manifest.as_ref();
        entry.is_authentic(cx) && manifest.is_ok_and(|manifest| manifest.value.lineage == lineage)
    };
    let found = list::latest_of_anyone(&quiet, repository, VaultRaft::NAME, wanted).await?;
    Ok(found.and_then(|entry| entry.manifest.ok()).map(|signed| signed.value))
}

fn differences(before: &Manifest, facts: &SnapshotFacts) -> Vec<Finding> {
    let Some(artifact) = before.artifacts.first() else {
        return Vec::new();
    };
    let details = match SnapshotDetails::of(artifact) {
        Ok(details) => details,
        Err(error) => return vec![finding(Severity::Note, "previous backup", error.chain(), None)],
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
    if keys.saturating_mul(2) < had {
        let message = format!("{keys} are left of {had} in the backup {}", before.id);
        let hint =
            "if that is not meant, restore that backup; prune keeps it as long as newer ones hold less than half";
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

//! What a prune would do.

use super::{
    PruneRequest,
    orphan::{self, Orphan, Verdict},
    unneeded,
};
use crate::{
    Context, ErrorKind, Result,
    catalog::{Entry, Manifest, list, remove::Removed},
    id::BackupId,
    retention::{self, Candidate, Decision},
    store::Key,
    target::BackupTarget,
};
use futures::TryStreamExt;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a prune would do. Made without writing anything, so it is the dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunePlan {
    /// For each backup of the target, and each whose manifest is unreadable, whether it stays and why; newest first.
    pub backups: Vec<Decision>,
    /// Runs of the target that have no manifest, and what is to happen to what they left.
    pub orphans: Vec<Orphan>,
    /// How much finished runs wrote that the target no longer needs ([`BackupTarget::sweep`]), and that goes.
    pub unneeded: Removed,
}

impl PrunePlan {
    /// The backups that stay.
    #[must_use]
    pub fn kept(&self) -> Vec<BackupId> {
        let kept = self.backups.iter().filter(|decision| decision.reason.keeps());
        kept.map(|decision| decision.id).collect()
    }
}

/// Plans to prune the backups of `target`, and what its runs left, at the store's time `now`. `lease` is the entry of the caller's own lease, if it holds one.
///
/// Memory is a line for each backup and each dead run, and 16 manifests.
///
/// # Errors
/// Those of the store: what cannot be looked at is not planned around.
pub async fn plan_prune(
    cx: &Context,
    target: &dyn BackupTarget,
    request: &PruneRequest,
    now: Timestamp,
    lease: Option<&Key>,
) -> Result<PrunePlan> {
    let mut candidates = Vec::new();
    let mut entries = std::pin::pin!(list::entries(cx, &request.repository).await?);
    while let Some(entry) = entries.try_next().await? {
        if entry.target().is_none_or(|named| named == target.name()) {
            candidates.push(Candidate {
                spoiled: spoiled(cx, target, &entry, now, lease).await?,
                just_made: request.just_made == Some(entry.id),
                ..candidate(cx, &entry)
            });
        }
    }
    // Of two clocks that disagree, the slower one expires less.
    let earlier = now.min(cx.clock.now());
    let mut plan = PrunePlan {
        backups: retention::plan(&candidates, earlier, &request.policy),
        orphans: orphan::find(cx, target.name(), now, lease).await?,
        unneeded: Removed::default(),
    };
    let kept = plan.kept();
    let mut unneeded = unneeded::find(cx, target, request, &kept);
    while let Some(meta) = unneeded.try_next().await? {
        plan.unneeded.objects += 1;
        plan.unneeded.bytes += meta.length;
    }
    Ok(plan)
}

/// Whether the manifest is damaged, and the run of `target` that wrote it proved and dead.
async fn spoiled(
    cx: &Context,
    target: &dyn BackupTarget,
    entry: &Entry,
    now: Timestamp,
    lease: Option<&Key>,
) -> Result<bool> {
    match &entry.manifest {
        // One that a newer version wrote is refused, not damaged.
        Err(error) if error.kind() == ErrorKind::Damaged => {
            let markers = orphan::read(cx, entry.id).await?;
            Ok(markers.all_of(target.name()) && orphan::judge(cx, &markers, now, lease).await? == Verdict::Remove)
        }
        _ => Ok(false),
    }
}

/// How much there is under each name.
fn artifacts(manifest: &Manifest) -> BTreeMap<String, u64> {
    let mut artifacts = BTreeMap::new();
    for artifact in &manifest.artifacts {
        let length = artifacts.entry(artifact.name.clone()).or_insert(0_u64);
        *length = length.saturating_add(artifact.measure());
    }
    artifacts
}

fn candidate(cx: &Context, entry: &Entry) -> Candidate {
    let manifest = entry.manifest.as_ref().ok().map(|manifest| &manifest.value);
    Candidate {
        id: entry.id,
        lineage: manifest.map(|manifest| manifest.lineage.clone()),
        spoiled: false,
        just_made: false,
        authentic: entry.is_authentic(cx),
        complete: manifest.is_some_and(|manifest| manifest.complete),
        artifacts: manifest.map(artifacts).unwrap_or_default(),
        parents: manifest.map(|manifest| manifest.parents.clone()).unwrap_or_default(),
        verified: entry.proof.verified.is_some(),
        failed: entry.proof.failed.is_some(),
    }
}

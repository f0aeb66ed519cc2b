//! Carrying a plan out.

use super::{Orphan, PrunePlan, PruneRequest, Verdict, orphan, plan::plan_prune};
use crate::{
    Context, Error, ErrorKind, Result,
    catalog::{
        Entry, Lease, Manifest, MarkerState, StartedMarker, layout, lease, list,
        remove::{self, Removed},
        repository, started,
    },
    event::Event,
    id::BackupId,
    store::Key,
};
use jiff::Timestamp;

/// What a prune did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneReport {
    /// What was planned, with the reasons.
    pub plan: PrunePlan,
    /// Backups that were deleted.
    pub expired: Vec<BackupId>,
    /// Ids of dead runs whose leftovers were deleted.
    pub orphans: Vec<BackupId>,
    /// Data that was deleted.
    pub removed: Removed,
}

/// Prunes under the lease of the target: manifests first, their data after, the started markers last.
///
/// Idempotent; dropped or failed half-way, the next prune goes on. Memory as [`plan_prune`], and one manifest.
///
/// # Errors
/// [`ErrorKind::Locked`] if someone else is at work on the target; [`ErrorKind::Cancelled`]; those of the store.
pub async fn prune(cx: &Context, request: &PruneRequest) -> Result<PruneReport> {
    let lease = Lease::acquire(cx, &request.target, &request.holder, "prune", request.patience).await?;
    let done = under_lease(cx, request, &lease).await;
    let released = lease.release().await;
    let report = done?;
    released.map(|()| report)
}

async fn under_lease(cx: &Context, request: &PruneRequest, lease: &Lease) -> Result<PruneReport> {
    let (now, entry) = (lease.store_now().await, lease.key().await);
    let plan = plan_prune(cx, request, now, Some(&entry)).await?;
    let mut report = PruneReport {
        plan: plan.clone(),
        expired: Vec::new(),
        orphans: Vec::new(),
        removed: Removed::default(),
    };
    for decision in plan.backups.iter().filter(|decision| !decision.reason.keeps()) {
        may_go_on(cx, lease)?;
        if let Some(removed) = expire(cx, request, decision.id).await? {
            cx.events.emit(Event::Step(format!(
                "deleted backup {}: {}",
                decision.id, decision.reason
            )));
            report.expired.push(decision.id);
            add(&mut report.removed, removed);
        }
    }
    for orphan in plan.orphans.iter().filter(|orphan| orphan.verdict == Verdict::Remove) {
        may_go_on(cx, lease)?;
        remove_orphan(cx, orphan, (now, &entry), &mut report).await?;
    }
    lease::sweep(cx, repository::LEASE, now).await?;
    remove::debris(cx, now.saturating_sub(orphan::GRACE).unwrap_or(now)).await?;
    Ok(report)
}

async fn remove_orphan(
    cx: &Context,
    orphan: &Orphan,
    (now, lease): (Timestamp, &Key),
    report: &mut PruneReport,
) -> Result<()> {
    if let Some(removed) = orphan::remove(cx, orphan.id, now, lease).await? {
        cx.events
            .emit(Event::Step(format!("deleted what the dead run {} left", orphan.id)));
        report.orphans.push(orphan.id);
        add(&mut report.removed, removed);
    }
    Ok(())
}

fn may_go_on(cx: &Context, lease: &Lease) -> Result<()> {
    if cx.cancel.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "stopped while pruning").hint("run prune again to go on"));
    }
    if lease.lost().is_cancelled() {
        let message = format!("the lease of {} was lost while pruning", lease.target());
        return Err(Error::new(ErrorKind::Locked, message).hint("run prune again to go on"));
    }
    Ok(())
}

/// Deletes one backup; `None` if it is no longer what was planned.
async fn expire(cx: &Context, request: &PruneRequest, id: BackupId) -> Result<Option<Removed>> {
    let Some(entry) = list::entry(cx, &request.repository, id).await? else {
        return Ok(None);
    };
    let Some(manifest) = still_ours(cx, request, &entry) else {
        return Ok(None);
    };
    let mut markers = orphan::read(cx, id).await?;
    if markers.is_empty() {
        started::write(cx, &stand_in(manifest, request)).await?;
        markers = orphan::read(cx, id).await?;
    }
    let mut owned = markers.owned();
    owned.extend(manifest.owned_keys());
    remove::delete(cx, &[layout::manifest(id)]).await?;
    remove::run(cx, id, &owned, &markers.keys()).await.map(Some)
}

fn still_ours<'a>(cx: &Context, request: &PruneRequest, entry: &'a Entry) -> Option<&'a Manifest> {
    let ours = entry.is_authentic(cx) && entry.target() == Some(request.target.as_str());
    entry
        .manifest
        .as_ref()
        .ok()
        .filter(|_| ours)
        .map(|manifest| &manifest.value)
}

/// A marker in place of one that is gone, so that data whose manifest was just deleted is still found by the next prune.
fn stand_in(manifest: &Manifest, request: &PruneRequest) -> StartedMarker {
    StartedMarker {
        format: manifest.format,
        id: manifest.id,
        target: manifest.target.clone(),
        nonce: manifest.nonce,
        state: MarkerState::Condemned,
        host: request.holder.host.clone(),
        pid: request.holder.pid,
        started: manifest.started,
        keys: manifest
            .owned_keys()
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect(),
    }
}

fn add(sum: &mut Removed, more: Removed) {
    sum.objects += more.objects;
    sum.bytes += more.bytes;
    sum.uploads += more.uploads;
}

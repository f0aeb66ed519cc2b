//! Carrying a plan out.

use super::{Orphan, PrunePlan, PruneRequest, Verdict, orphan, plan::plan_prune, sweep::sweep, unneeded};
use crate::{
    Context, Error, ErrorKind, Result,
    catalog::{
        Entry, Lease, Manifest, MarkerState, StartedMarker, layout, lease, list,
        remove::{self, Removed},
        repository, started,
    },
    event::{Event, Finding, Severity},
    id::{BackupId, Nonce},
    retention::{Decision, Reason},
    store::Key,
    target::BackupTarget,
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

/// Prunes the backups of `target` under its lease: manifests first, their data after, the started markers last.
///
/// What cannot be pruned does not keep the rest from being pruned. Idempotent; dropped or failed half-way, the next prune goes on. Memory as [`plan_prune`], and one manifest.
///
/// # Errors
/// [`ErrorKind::Locked`] if someone else is at work on the target; [`ErrorKind::Cancelled`]; those of the store. A failure that concerns
/// one id alone ends the prune only after the others, and names it.
pub async fn prune(cx: &Context, target: &dyn BackupTarget, request: &PruneRequest) -> Result<PruneReport> {
    request.repository.demand_trust(cx)?;
    let lease = Lease::acquire(cx, target.name(), &request.holder, "prune", request.patience).await?;
    let done = under_lease(cx, target, request, &lease).await;
    if let Err(error) = lease.release().await {
        tracing::warn!(error = %error.chain(), "the lease could not be given back; it expires in a minute");
    }
    done
}

async fn under_lease(
    cx: &Context,
    target: &dyn BackupTarget,
    request: &PruneRequest,
    lease: &Lease,
) -> Result<PruneReport> {
    let (now, entry) = (lease.store_now().await, lease.key().await);
    let plan = plan_prune(cx, target, request, now, Some(&entry)).await?;
    let mut report = PruneReport {
        plan: plan.clone(),
        expired: Vec::new(),
        orphans: Vec::new(),
        removed: Removed::default(),
    };
    let mut failed = Vec::new();
    for decision in plan.backups.iter().filter(|decision| !decision.reason.keeps()) {
        may_go_on(cx, lease)?;
        let done = remove_backup(cx, (target, request), *decision, &mut report).await;
        note(cx, decision.id, done, &mut failed)?;
    }
    for orphan in plan.orphans.iter().filter(|orphan| orphan.verdict == Verdict::Remove) {
        may_go_on(cx, lease)?;
        let done = remove_orphan(cx, orphan, (now, &entry), &mut report).await;
        note(cx, orphan.id, done, &mut failed)?;
    }
    finish(failed)?;
    may_go_on(cx, lease)?;
    remove::all(
        cx,
        unneeded::find(cx, target, request, &plan.kept()),
        &mut report.removed,
    )
    .await?;
    lease::sweep(cx, repository::LEASE, now).await?;
    sweep(cx, now).await?;
    remove::debris(cx, now.saturating_sub(orphan::GRACE).unwrap_or(now)).await?;
    Ok(report)
}

/// Whose backups, and what to keep of them.
type Request<'a> = (&'a dyn BackupTarget, &'a PruneRequest);
type Failed = Vec<(BackupId, Error)>;

/// Keeps a failure that concerns one id for later, so that the others are pruned all the same.
fn note(cx: &Context, id: BackupId, done: Result<()>, failed: &mut Failed) -> Result<()> {
    let Err(error) = done else { return Ok(()) };
    if matches!(
        error.kind(),
        ErrorKind::StoreUnreachable | ErrorKind::Cancelled | ErrorKind::Locked
    ) {
        return Err(error);
    }
    finding(cx, id.to_string(), format!("was not pruned: {}", error.chain()));
    failed.push((id, error));
    Ok(())
}

/// The first failure, if there are any, with the names of all.
fn finish(failed: Failed) -> Result<()> {
    let ids: Vec<String> = failed.iter().map(|(id, _)| id.to_string()).collect();
    match failed.into_iter().next() {
        Some((_, first)) => Err(first.context(format!("prune {}", ids.join(", ")))),
        None => Ok(()),
    }
}

async fn remove_backup(cx: &Context, request: Request<'_>, decision: Decision, report: &mut PruneReport) -> Result<()> {
    let removed = match decision.reason {
        Reason::Spoiled => remove_spoiled(cx, request, decision.id).await?,
        _ => expire(cx, request, decision.id).await?,
    };
    if let Some(removed) = removed {
        cx.events.emit(Event::Step(format!(
            "deleted backup {}: {}",
            decision.id, decision.reason
        )));
        report.expired.push(decision.id);
        add(&mut report.removed, removed);
    }
    Ok(())
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
        return Err(Error::cancelled("prune the rest").hint("run prune again to go on"));
    }
    if lease.lost().is_cancelled() {
        return Err(lease
            .loss()
            .context("the prune was stopped")
            .hint("run prune again to go on"));
    }
    Ok(())
}

/// Deletes one backup; `None` if it is no longer what was planned.
pub(super) async fn expire(cx: &Context, (target, request): Request<'_>, id: BackupId) -> Result<Option<Removed>> {
    let Some(entry) = list::entry(cx, &request.repository, id).await? else {
        return Ok(None);
    };
    let Some(manifest) = still_ours(cx, target, &entry) else {
        return Ok(None);
    };
    let mut markers = orphan::read(cx, id).await?;
    for (key, error) in &markers.unreadable {
        finding(
            cx,
            key.to_string(),
            format!("stays, and what it claims: {}", error.chain()),
        );
    }
    if markers.is_empty() {
        // Under a name of its own: what cannot be read is not overwritten either.
        let nonce = Nonce::random(cx.entropy.as_ref())?;
        started::write(cx, &stand_in(manifest, nonce, request)).await?;
        markers = orphan::read(cx, id).await?;
    }
    let mut owned = markers.owned();
    owned.extend(manifest.owned_keys());
    remove::delete(cx, &[layout::manifest(id)]).await?;
    remove::run(cx, id, &owned, &markers.keys()).await.map(Some)
}

/// Deletes what is left of a backup whose manifest is damaged; `None` if it is no longer what was planned.
async fn remove_spoiled(cx: &Context, (target, request): Request<'_>, id: BackupId) -> Result<Option<Removed>> {
    let Some(Entry {
        manifest: Err(error), ..
    }) = list::entry(cx, &request.repository, id).await?
    else {
        return Ok(None);
    };
    let markers = orphan::read(cx, id).await?;
    if error.kind() != ErrorKind::Damaged || !markers.all_of(target.name()) {
        return Ok(None);
    }
    remove::delete(cx, &[layout::manifest(id)]).await?;
    remove::run(cx, id, &markers.owned(), &markers.keys()).await.map(Some)
}

pub(super) fn still_ours<'a>(cx: &Context, target: &dyn BackupTarget, entry: &'a Entry) -> Option<&'a Manifest> {
    let ours = entry.is_authentic(cx) && entry.target() == Some(target.name());
    entry
        .manifest
        .as_ref()
        .ok()
        .filter(|_| ours)
        .map(|manifest| &manifest.value)
}

/// A marker in place of one that is gone, so that data whose manifest was just deleted is still found by the next prune.
fn stand_in(manifest: &Manifest, nonce: Nonce, request: &PruneRequest) -> StartedMarker {
    StartedMarker {
        format: manifest.format,
        id: manifest.id,
        target: manifest.target.clone(),
        nonce,
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

fn finding(cx: &Context, subject: String, message: String) {
    cx.events.emit(Event::Finding(Finding {
        severity: Severity::Warning,
        subject,
        message,
        hint: None,
    }));
}

fn add(sum: &mut Removed, more: Removed) {
    sum.objects += more.objects;
    sum.bytes += more.bytes;
    sum.uploads += more.uploads;
}

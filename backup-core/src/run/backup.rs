//! The life of a backup.

use crate::{
    Error, ErrorKind, Result,
    catalog::{Claim, Failure, Lease, Manifest, Mode, Repository, commit},
    context::Context,
    event::{Event, Finding},
    id::BackupId,
    pipeline::{Packing, Recorder, Sealing, Shape},
    session::Session,
    store::Key,
    target::{BackupTarget, FailedArtifact, Outcome, Plan},
};
use jiff::Timestamp;
use std::time::Duration;

/// How a backup is made.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// Who encrypts.
    pub mode: Mode,
    /// Memory for buffers, in bytes, for all artifacts together.
    pub memory: usize,
    /// Threads that compress.
    pub threads: usize,
    /// Level of zstd in sealed mode.
    pub level: i32,
    /// How long to wait for another run to end.
    pub lease_wait: Duration,
}

/// What a run did.
#[derive(Debug)]
pub struct BackupReport {
    /// The manifest that was committed.
    pub manifest: Manifest,
    /// Planned artifacts that are missing from it.
    pub failures: Vec<FailedArtifact>,
    /// What somebody should look at.
    pub findings: Vec<Finding>,
}

/// Backs up a target: plan, lease, claim, data, manifest. A backup exists when this returns `Ok`, and only then; killed anywhere, it leaves nothing that
/// `list` shows. Artifacts that failed are named in a manifest that is marked as not complete.
///
/// # Errors
/// Fails with nothing to show if the plan, the lease or the store fails, if no artifact could be stored, or if the run is cancelled.
pub async fn backup(cx: &Context, target: &dyn BackupTarget, request: &BackupRequest) -> Result<BackupReport> {
    allowed(cx, request)?;
    cx.events.emit(Event::RunStarted { verb: "backup", target: target.name().to_owned() });
    let plan = target.plan(cx).await?;
    let repository = Repository::open_or_create(cx).await?;
    let lease = Lease::acquire(cx, target.name(), "backup", request.lease_wait).await?;
    let done = lease.guard(Box::pin(leased(cx, target, request, &plan, (&repository, &lease)))).await;
    lease.release().await;
    done
}

/// A missing key is an error, never a fall-back to plain text.
fn allowed(cx: &Context, request: &BackupRequest) -> Result<()> {
    if request.mode == Mode::Sealed && !cx.keyring.can_seal() {
        return Err(Error::new(ErrorKind::Key, "no key to encrypt with")
            .hint("name a key file: --key-file FILE or BACKUP_KEY_FILE (`backup-admin keys new --out FILE` makes one)")
            .hint("or let the store encrypt: --sse aws:kms"));
    }
    Ok(())
}

async fn leased(
    cx: &Context,
    target: &dyn BackupTarget,
    request: &BackupRequest,
    plan: &Plan,
    (repository, lease): (&Repository, &Lease),
) -> Result<BackupReport> {
    let sealed = request.mode == Mode::Sealed;
    let keys = |id: BackupId| plan.artifacts.iter().map(|artifact| Key::from(artifact.key(id, sealed))).collect();
    let claim = Claim::take(cx, target.name(), keys).await?;
    let written = write(cx, target, request, plan, (repository, lease, &claim)).await;
    if written.is_err() {
        claim.withdraw(cx).await;
    }
    written
}

async fn write(
    cx: &Context,
    target: &dyn BackupTarget,
    request: &BackupRequest,
    plan: &Plan,
    (repository, lease, claim): (&Repository, &Lease, &Claim),
) -> Result<BackupReport> {
    let started = cx.clock.now();
    let session = Session::new(claim.id(), recorder(cx, target, request, plan, repository), cx.events.clone());
    let outcome = target.backup(cx, plan, &session).await?;
    let outcome = accounted_for(plan, outcome)?;
    let manifest = manifest(cx, target, request, (plan, repository, claim), (started, &outcome));
    commit(cx, repository, lease, claim, &manifest).await?;
    Ok(BackupReport { manifest, failures: outcome.failures, findings: outcome.findings })
}

fn recorder(cx: &Context, target: &dyn BackupTarget, request: &BackupRequest, plan: &Plan, repository: &Repository) -> Recorder {
    let packing = match request.mode {
        Mode::Sealed => Packing::Sealed(Sealing {
            keyring: cx.keyring.clone(),
            repository: repository.id(),
            component: target.component().to_owned(),
            tool: cx.tool.clone(),
            level: request.level,
            entropy: cx.entropy.clone(),
        }),
        Mode::SseKms | Mode::SseS3 => Packing::Raw,
    };
    Recorder {
        store: cx.store.clone(),
        shape: Shape::within(request.memory, plan.jobs, request.threads),
        packing,
        clock: cx.clock.clone(),
        cancel: cx.cancel.clone(),
    }
}

/// Every planned artifact is stored or reported as failed, and at least one is stored.
fn accounted_for(plan: &Plan, mut outcome: Outcome) -> Result<Outcome> {
    for planned in &plan.artifacts {
        let stored = outcome.artifacts.iter().any(|artifact| artifact.name == planned.name);
        let failed = outcome.failures.iter().any(|failure| failure.name == planned.name);
        if !stored && !failed {
            return Err(Error::new(ErrorKind::Internal, format!("{} was neither stored nor reported", planned.name)));
        }
    }
    if !outcome.artifacts.is_empty() {
        return Ok(outcome);
    }
    match outcome.failures.drain(..).next() {
        Some(first) => Err(first.error.context(format!("back up {}", first.name))),
        None => Err(Error::new(ErrorKind::Config, "there is nothing to back up")),
    }
}

fn manifest(
    cx: &Context,
    target: &dyn BackupTarget,
    request: &BackupRequest,
    (plan, repository, claim): (&Plan, &Repository, &Claim),
    (started, outcome): (Timestamp, &Outcome),
) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        id: claim.id(),
        repository: repository.id(),
        target: target.name().to_owned(),
        nonce: claim.nonce(),
        mode: request.mode,
        lineage: plan.lineage.clone(),
        started,
        finished: cx.clock.now(),
        tool: cx.tool.clone(),
        complete: outcome.failures.is_empty(),
        parents: Vec::new(),
        artifacts: outcome.artifacts.clone(),
        failures: outcome.failures.iter().map(|failed| Failure { name: failed.name.clone(), error: failed.error.chain() }).collect(),
        findings: outcome.findings.clone(),
        details: outcome.details.clone(),
    }
}

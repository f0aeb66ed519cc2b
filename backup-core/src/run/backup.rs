//! The life of a backup.

use crate::{
    Error, ErrorKind, Result,
    catalog::{Claim, Failure, Format, Holder, Lease, Manifest, Mode, Repository, Series, claim, commit},
    context::Context,
    event::{Event, Finding},
    frames::FrameEncoder,
    id::BackupId,
    pipeline::{ContentSource, Packing, Recorder, Sealing, Shape},
    session::Session,
    store::{Key, ServerEncryption},
    target::{BackupTarget, FailedArtifact, Outcome, Plan},
};
use futures::FutureExt;
use jiff::Timestamp;
use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
    time::Duration,
};

/// How a backup is made.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// Who encrypts.
    pub mode: Mode,
    /// The key that the store must say it encrypts with, in [`Mode::SseKms`]; any if none is named.
    pub kms_key: Option<String>,
    /// Memory for buffers and compression, in bytes, for all artifacts together. Fewer are written at once if it is not enough for the planned jobs;
    /// less than [`Shape::min_budget`] is taken as that.
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

/// Backs up a target: plan, lease, claim, data, manifest. When this returns `Ok`, the backup exists; killed anywhere, it exists whole or not at all. After
/// an error of the store while the manifest was written it may exist too. Artifacts that failed are named in a manifest that is marked as not complete.
///
/// # Errors
/// Fails with nothing to show if the plan, the lease or the store fails, if no artifact could be stored, or if the run is cancelled.
pub async fn backup(cx: &Context, target: &dyn BackupTarget, request: &BackupRequest) -> Result<BackupReport> {
    let cut = |plan: &Plan| Shape::within(request.memory, plan.jobs, request.threads, request.level);
    backup_cut(cx, target, request, cut).await
}

/// As [`backup`], with the memory cut up by `cut`.
async fn backup_cut<C>(cx: &Context, target: &dyn BackupTarget, request: &BackupRequest, cut: C) -> Result<BackupReport>
where
    C: FnOnce(&Plan) -> Shape,
{
    allowed(cx, request)?;
    cx.events.emit(Event::RunStarted {
        verb: "backup",
        target: target.name().to_owned(),
    });
    let mut plan = target.plan(cx).await?;
    plan.jobs = Shape::affordable(request.memory, plan.jobs, request.level);
    let cx = &cx.probed().await?;
    let holder = Holder::of_this_process();
    let repository = Repository::open_or_create(cx, &holder).await?;
    repository.demand_newest_is_ours(cx).await?;
    let lease = Lease::acquire(cx, target.name(), &holder, "backup", request.lease_wait).await?;
    let run = Run {
        cx,
        target,
        request,
        plan: &plan,
        shape: cut(&plan),
        repository: &repository,
        holder: &holder,
    };
    let done = AssertUnwindSafe(run.leased(&lease)).catch_unwind().await;
    if let Err(error) = lease.release().await {
        tracing::warn!(error = %error.chain(), "the lease could not be given back; it expires in a minute");
    }
    // A defect somewhere in the run: the next one must not wait for this one's lease.
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

fn lost(lease: &Lease) -> Error {
    lease
        .loss()
        .context("the run was stopped")
        .hint("what was written is removed by prune")
}

/// A missing key is an error, never a fall-back to plain text.
fn allowed(cx: &Context, request: &BackupRequest) -> Result<()> {
    if request.mode == Mode::Sealed && !cx.keyring.as_ref().is_some_and(|keyring| keyring.can_seal()) {
        return Err(Error::new(ErrorKind::Key, "no key to encrypt with")
            .hint("name a key file: --key-file FILE or BACKUP_KEY_FILE (`backup-admin keys new --out FILE` makes one)")
            .hint("or let the store encrypt: --sse aws:kms"));
    }
    Ok(())
}

/// What one run works with.
struct Run<'a> {
    cx: &'a Context,
    target: &'a dyn BackupTarget,
    request: &'a BackupRequest,
    plan: &'a Plan,
    shape: Shape,
    repository: &'a Repository,
    holder: &'a Holder,
}

impl Run<'_> {
    async fn leased(&self, lease: &Lease) -> Result<BackupReport> {
        let sealed = self.request.mode == Mode::Sealed;
        let keys = |id: BackupId| {
            self.plan
                .artifacts
                .iter()
                .map(|artifact| Key::from(artifact.key(id, sealed)))
                .collect()
        };
        let series = Series {
            repository: self.repository,
            target: self.target.name(),
            lineage: &self.plan.lineage,
        };
        let claim = claim(self.cx, series, self.holder, keys).await?;
        let ahead = claim.ahead(self.cx.clock.now());
        let written = tokio::select! {
            biased;
            written = self.write(&claim) => written,
            // Only until all is written: a commit looks after its lease itself, and must not be dropped between the manifest and the look at it.
            () = lease.lost().cancelled_owned() => return Err(lost(lease)),
        };
        let (started, mut outcome) = match written {
            Ok(written) => written,
            Err(error) => return Err(self.abandoned(&claim, error).await),
        };
        outcome.findings.extend(ahead);
        let manifest = self.manifest(&claim, started, &outcome);
        // Not abandoned if this fails: the manifest may exist after all.
        commit(self.cx, self.repository, lease, &claim, &manifest).await?;
        Ok(BackupReport {
            manifest,
            failures: outcome.failures,
            findings: outcome.findings,
        })
    }

    async fn write(&self, claim: &Claim) -> Result<(Timestamp, Outcome)> {
        let started = self.cx.clock.now();
        let session = Session::new(claim.id, self.recorder()?, self.reading(), self.cx.events.clone());
        let outcome = self.target.backup(self.cx, self.plan, &session).await?;
        if self.cx.cancel.is_cancelled() {
            // Artifacts that were stopped are no failures of the source: a stopped run is no partial backup.
            return Err(Error::cancelled(format_args!("back up {}", self.target.name())));
        }
        let outcome = accounted_for(self.plan, outcome)?;
        self.tidy(claim, &outcome).await;
        Ok((started, outcome))
    }

    /// Removes what failed artifacts and lost answers left: once there is a manifest, `prune` no longer looks for it.
    async fn tidy(&self, claim: &Claim, outcome: &Outcome) {
        let kept = outcome.artifacts.iter().flat_map(|artifact| &artifact.objects);
        if let Err(left) = claim
            .tidy(self.cx, kept.map(|object| Key::from(object.key.as_str())).collect())
            .await
        {
            tracing::warn!(error = %left.chain(), "what failed artifacts left could not be removed; it goes with the backup");
        }
    }

    /// Who stops a run wants to know what there is now, not what it was doing.
    async fn abandoned(&self, claim: &Claim, error: Error) -> Error {
        let cleaned = claim.abandon(self.cx).await;
        match (error.kind(), cleaned) {
            (ErrorKind::Cancelled, Ok(())) => Error::new(ErrorKind::Cancelled, "nothing was stored"),
            (ErrorKind::Cancelled, Err(left)) => Error::new(ErrorKind::Cancelled, "no backup was made").hint(format!(
                "what was written could not be removed ({}): prune does that when it is a day old",
                left.chain()
            )),
            (_, Ok(())) => error,
            (_, Err(left)) => {
                tracing::warn!(error = %left.chain(), "the failed run could not be cleaned up; prune will");
                error
            }
        }
    }

    fn reading(&self) -> ContentSource {
        ContentSource {
            store: self.cx.store.clone(),
            repository: self.repository.id,
            component: self.target.component().to_owned(),
            keyring: self.cx.keyring.clone(),
        }
    }

    fn recorder(&self) -> Result<Recorder> {
        let Self { cx, request, .. } = self;
        let packing = match request.mode {
            Mode::Sealed => Packing::Sealed(Sealing {
                keyring: cx.keyring.clone().unwrap_or_default(),
                repository: self.repository.id,
                component: self.target.component().to_owned(),
                tool: cx.tool.clone(),
                encoder: Arc::new(FrameEncoder::new(request.level)?),
                entropy: cx.entropy.clone(),
            }),
            Mode::SseKms => Packing::Raw(ServerEncryption::Kms(request.kms_key.clone())),
            Mode::SseS3 => Packing::Raw(ServerEncryption::S3),
        };
        Ok(Recorder {
            store: cx.store.clone(),
            shape: self.shape,
            packing,
            clock: cx.clock.clone(),
            cancel: cx.cancel.clone(),
        })
    }

    fn manifest(&self, claim: &Claim, started: Timestamp, outcome: &Outcome) -> Manifest {
        Manifest {
            format: Format,
            id: claim.id,
            repository: self.repository.id,
            target: self.target.name().to_owned(),
            nonce: claim.nonce,
            mode: self.request.mode,
            lineage: self.plan.lineage.clone(),
            started,
            finished: self.cx.clock.now(),
            tool: self.cx.tool.clone(),
            complete: outcome.failures.is_empty(),
            parents: Vec::new(),
            artifacts: outcome.artifacts.clone(),
            failures: outcome
                .failures
                .iter()
                .map(|failed| Failure {
                    name: failed.name.clone(),
                    error: failed.error.chain(),
                })
                .collect(),
            findings: outcome.findings.clone(),
            details: outcome.details.clone(),
        }
    }
}

/// The stored and the failed artifacts are together exactly the plan, and at least one is stored.
fn accounted_for(plan: &Plan, mut outcome: Outcome) -> Result<Outcome> {
    let stored = outcome.artifacts.iter().map(|artifact| artifact.name.as_str());
    let mut reported: Vec<&str> = stored
        .chain(outcome.failures.iter().map(|failed| failed.name.as_str()))
        .collect();
    let mut planned: Vec<&str> = plan.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    reported.sort_unstable();
    planned.sort_unstable();
    if reported != planned {
        return Err(Error::new(
            ErrorKind::Internal,
            "what was stored and what failed is not what was planned",
        ));
    }
    if !outcome.artifacts.is_empty() {
        return Ok(outcome);
    }
    match outcome.failures.drain(..).next() {
        Some(first) => Err(first.error.context(format!("back up {}", first.name))),
        None => Err(Error::new(ErrorKind::Config, "there is nothing to back up")),
    }
}

#[cfg(test)]
pub(super) mod tests;

//! `restore`: everything in a Vault, replaced by a snapshot.

mod proven;
mod report;

use super::{PROGRAM, inspect::proof, target::target};
use crate::{
    args::vault::RestoreArgs,
    context::Context,
    repository,
    verbs::{
        origin::{Origin, Wanted},
        strict,
    },
};
use backup_core::{
    self as core, Result,
    event::{Event, Finding, Severity},
};
use backup_vault::{RestoreRequest, Restored, SnapshotDetails, VaultRaft, target::SNAPSHOT};
use proven::Proven;
use report::{PlannedRestore, Shown};

/// Proves the whole snapshot, then lets the library restore it. Writes nothing to the store and takes no lease.
pub(super) async fn restore(context: &Context, args: &RestoreArgs) -> Result<()> {
    let target = target(context)?;
    let cx = match args.from.as_deref() {
        Some("-") => repository::without_store(context, PROGRAM)?,
        from => repository::for_restore(context, PROGRAM, from)?,
    };
    let origin = find(&cx, &target, args).await?;
    let mut findings = origin.announce(context, &cx, "Vault");
    let step = "proving the whole snapshot before the server is touched";
    context.events.emit(Event::Step(step.to_owned()));
    let request = request(args);
    if context.config.dry_run {
        return dry_run(context, (&cx, &target), (&origin, args), findings).await;
    }
    let proven = Proven::read(context, (&cx, &target), &origin, proof(args.lenient_trailer)).await;
    let Proven { facts, bytes, took } = proven.map_err(|error| origin.explain(error))?;
    let restored = target.restore(&cx, bytes, &facts, &request).await;
    let mut restored = restored.map_err(|error| origin.explain(error))?;
    let other = another_cluster(&origin, &restored);
    tell(context, other.as_slice());
    restored.findings.extend(other);
    context.output.report(&Shown::new(&origin, &facts, took, &restored))?;
    findings.extend(restored.findings);
    strict(context, &findings, "the restore is complete")
}

fn request(args: &RestoreArgs) -> RestoreRequest {
    RestoreRequest {
        confirm: args.confirm.clone(),
        force: args.force,
        allow_many_peers: args.allow_many_peers,
        wait_unsealed: args.wait_unsealed,
        verify_path: args.verify_path.clone(),
    }
}

async fn find(cx: &core::Context, target: &VaultRaft, args: &RestoreArgs) -> Result<Origin> {
    let from = args.from.as_deref();
    if from == Some("-") {
        return Ok(Origin::Input(VaultRaft::COMPONENT.to_owned()));
    }
    let wanted = Wanted {
        program: PROGRAM,
        target,
        artifact: SNAPSHOT,
        from,
        at: args.at,
        allow_unauthenticated: args.allow_unauthenticated_origin,
        instead: |_, holds| format!("it belongs to a backup of {holds}"),
    };
    Origin::find(cx, &wanted).await
}

/// Everything but the restore itself.
async fn dry_run(
    context: &Context,
    (cx, target): (&core::Context, &VaultRaft),
    (origin, args): (&Origin, &RestoreArgs),
    mut findings: Vec<Finding>,
) -> Result<()> {
    let facts = super::inspect::facts(context, origin.open(cx), proof(args.lenient_trailer)).await;
    let facts = facts.map_err(|error| origin.explain(error))?;
    let preflight = target.preflight(cx, &facts, &request(args)).await?;
    tell(context, &preflight.findings);
    let planned = PlannedRestore::new(origin.described(cx), &facts, &preflight);
    context.output.report(&planned)?;
    findings.extend(preflight.findings);
    strict(context, &findings, "the restore was planned")
}

/// A restored cluster has the id of the one that was backed up.
fn another_cluster(origin: &Origin, restored: &Restored) -> Option<Finding> {
    let details = SnapshotDetails::of(origin.artifact()?).ok()?;
    let other = restored.is_cluster(&details.cluster_id) == Some(false);
    other.then(|| Finding {
        severity: Severity::Error,
        subject: "cluster".to_owned(),
        message: format!("its id is not {}, which the manifest records", details.cluster_id),
        hint: Some("look at the log of the server: what is in force is another state".to_owned()),
    })
}

fn tell(context: &Context, findings: &[Finding]) {
    for finding in findings {
        context.events.emit(Event::Finding(finding.clone()));
    }
}

//! `restore`: everything in a Vault, replaced by a snapshot.

mod proven;
mod report;
mod whose;

use super::{PROGRAM, inspect::proof, target::target_of_restore};
use crate::{
    args::vault::RestoreArgs,
    context::Context,
    repository,
    verbs::{
        origin::{Origin, Piped, Wanted},
        strict,
    },
};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    event::{Event, Finding},
};
use backup_vault::{RestoreRequest, Restored, VaultRaft, target::SNAPSHOT};
use proven::Proven;
use report::{PlannedRestore, Shown};

/// Proves the whole snapshot, then lets the library restore it. Writes nothing to the store and takes no lease.
pub(super) async fn restore(context: &Context, args: &RestoreArgs) -> Result<()> {
    let target = target_of_restore(context).await?;
    let from = args.from.as_deref();
    let cx = match from.and_then(Piped::find) {
        Some(_) => repository::without_store(context, PROGRAM)?,
        None => repository::for_restore(context, PROGRAM, from)?,
    };
    let origin = find(&cx, &target, args).await?;
    let mut findings = origin.announce(context, &cx, "Vault");
    let request = request(args, &origin);
    if !context.config.dry_run {
        // Before anything is read: a large snapshot takes its time.
        target.demand_confirmation(&cx, &request).await?;
    }
    let step = "proving the whole snapshot before the server is touched";
    context.events.emit(Event::Step(step.to_owned()));
    if context.config.dry_run {
        return dry_run(context, (&cx, &target), (&origin, args), findings).await;
    }
    let proven = Proven::read(context, (&cx, &target), &origin, proof(args.lenient_trailer)).await;
    let Proven { facts, bytes, took } = proven.map_err(|error| origin.explain(error))?;
    let restored = target.restore(&cx, bytes, &facts, &request).await;
    let restored = restored.map_err(|error| origin.explain(error))?;
    same_cluster(&origin, &restored)?;
    context.output.report(&Shown::new(&origin, &facts, took, &restored))?;
    looked(&request, &restored)?;
    findings.extend(restored.findings);
    strict(context, &findings, "the restore is complete")
}

fn request(args: &RestoreArgs, origin: &Origin) -> RestoreRequest {
    RestoreRequest {
        confirm: args.confirm.clone(),
        force: args.force,
        of_cluster: origin.lineage().map(str::to_owned),
        allow_many_peers: args.allow_many_peers,
        wait_unsealed: args.wait_unsealed,
        verify_path: args.verify_path.clone(),
        verify_token_file: args.verify_token_file.clone(),
    }
}

async fn find(cx: &core::Context, target: &VaultRaft, args: &RestoreArgs) -> Result<Origin> {
    let from = args.from.as_deref();
    if let Some(piped) = from.and_then(Piped::find) {
        return Ok(Origin::Input(piped, VaultRaft::COMPONENT.to_owned()));
    }
    let lineage = whose::whose(cx, target, args).await?;
    let wanted = Wanted {
        program: PROGRAM,
        target,
        artifact: SNAPSHOT,
        from,
        at: args.at,
        lineage: lineage.as_deref(),
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
    let preflight = target.preflight(cx, &facts, &request(args, origin)).await?;
    tell(context, &preflight.findings);
    let planned = PlannedRestore::new(origin.described(cx), &facts, &preflight);
    context.output.report(&planned)?;
    findings.extend(preflight.findings);
    strict(context, &findings, "the restore was planned")
}

/// A restored cluster has the id of the one that was backed up. One that has another was not restored, whatever it answered.
fn same_cluster(origin: &Origin, restored: &Restored) -> Result<()> {
    match (&restored.cluster_id, origin.lineage()) {
        (Some(id), Some(wanted)) if id != wanted => {
            let server = &restored.server;
            let message = format!(
                "{server} runs with another state than the one it was sent: its cluster id is {id}, the manifest records {wanted}"
            );
            Err(Error::new(ErrorKind::SourceFailed, message)
                .hint("the restore has failed on the server: read its log before you try again"))
        }
        _ => Ok(()),
    }
}

/// What was asked to be looked at, and could not be, is no success.
fn looked(request: &RestoreRequest, restored: &Restored) -> Result<()> {
    if restored.unseen(request) {
        let message =
            "the snapshot was restored, and what was to be looked at afterwards could not be: see the findings";
        return Err(Error::new(ErrorKind::Findings, message));
    }
    Ok(())
}

fn tell(context: &Context, findings: &[Finding]) {
    for finding in findings {
        context.events.emit(Event::Finding(finding.clone()));
    }
}

//! `restore`: one database, or roles and tablespaces.

mod confirmation;
mod origin;
mod report;

use super::{PROGRAM, target::target};
use crate::{
    args::postgres::RestoreArgs,
    context::Context,
    repository,
    verbs::{origin::Origin, strict},
};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    event::{Event, Finding, Severity},
};
use backup_postgres::{
    PgDump,
    restore::{Existing, GlobalsPlan, closing_lines},
    target::{GLOBALS, RestoreRequest, Way},
};
use confirmation::demand_confirmation;
use report::{PlannedRestore, Restored, RestoredGlobals};

/// Restores what was asked for, after the name of what is overwritten was confirmed.
pub(super) async fn restore(context: &Context, args: &RestoreArgs) -> Result<()> {
    let target = target(context)?;
    let with = |from| repository::for_restore(context, PROGRAM, from);
    match args.database.as_deref() {
        Some(database) if !args.globals => {
            let cx = with(args.from.as_deref())?;
            Box::pin(one_database(context, &cx, &target, args, database)).await
        }
        from => globals(context, &with(from)?, &target, args, from).await,
    }
}

async fn one_database(
    context: &Context,
    cx: &core::Context,
    target: &PgDump,
    args: &RestoreArgs,
    database: &str,
) -> Result<()> {
    let name = args.target_db.as_deref().unwrap_or(database);
    demand_confirmation(context, args, name)?;
    let from = (args.from.as_deref(), database);
    let (origin, mut findings) = origin::find(context, (cx, target), args, from, name).await?;
    let request = RestoreRequest {
        database: name.to_owned(),
        dump_of: Some(database.to_owned()),
        way: way(args),
        proven_by_piece: origin.is_sealed(),
        replace_leftover: args.replace_leftover,
        id: origin.id(cx),
    };
    if context.config.dry_run {
        return dry_run(context, cx, target, (&request, &origin), findings).await;
    }
    let restored = target.restore(cx, &request, || origin.open(cx)).await;
    let report = restored.map_err(|error| origin.explain(error))?;
    context.output.report(&Restored::new(name, &origin, &report))?;
    for line in closing_lines(database) {
        context.output.line(&line)?;
    }
    findings.extend(report.findings);
    strict(context, &findings, "the restore is complete")
}

/// Everything but the restore itself.
async fn dry_run(
    context: &Context,
    cx: &core::Context,
    target: &PgDump,
    (request, origin): (&RestoreRequest, &Origin),
    mut findings: Vec<Finding>,
) -> Result<()> {
    let plan = target.plan_restore(cx, request, origin.open(cx)).await;
    let plan = plan.map_err(|error| origin.explain(error))?;
    for finding in &plan.findings {
        context.events.emit(Event::Finding(finding.clone()));
    }
    context
        .output
        .report(&PlannedRestore::new(request, origin.described(cx), &plan))?;
    findings.extend(plan.findings);
    strict(context, &findings, "the restore was planned")
}

fn way(args: &RestoreArgs) -> Way {
    if args.into_prepared {
        return Way::IntoPrepared;
    }
    match (args.create, args.swap) {
        (true, _) => Way::Create,
        (_, true) => Way::Swap,
        _ => Way::InPlace,
    }
}

/// Roles and tablespaces; the host is what is overwritten.
async fn globals(
    context: &Context,
    cx: &core::Context,
    target: &PgDump,
    args: &RestoreArgs,
    from: Option<&str>,
) -> Result<()> {
    if from.is_some() && args.at.is_some() {
        return Err(Error::new(
            ErrorKind::Usage,
            "--at and a key or file to restore from exclude each other",
        ));
    }
    demand_confirmation(context, args, &target.settings.host)?;
    let from = (from, GLOBALS);
    let (origin, mut findings) = origin::find(context, (cx, target), args, from, "roles and tablespaces").await?;
    let existing = if args.globals_overwrite {
        Existing::Overwrite
    } else {
        Existing::LeaveAlone
    };
    let plan = GlobalsPlan::new(&target.settings, origin.open(cx), existing).await;
    let plan = plan.map_err(|error| origin.explain(error))?;
    findings.extend(left_out(context, &plan));
    let dry_run = context.config.dry_run;
    let effect = if dry_run {
        plan.effect().clone()
    } else {
        // A new run after one that was stopped is right.
        cx.unless_cancelled("restore roles and tablespaces", plan.run()).await?
    };
    let from = origin.described(cx);
    context
        .output
        .report(&RestoredGlobals::new(from, effect, existing, dry_run))?;
    strict(context, &findings, "roles and tablespaces are restored")
}

/// A restore never silently does less than was asked for.
fn left_out(context: &Context, plan: &GlobalsPlan) -> Option<Finding> {
    let statements = &plan.effect().left_out;
    let finding = (!statements.is_empty()).then(|| Finding {
        severity: Severity::Warning,
        subject: "roles and tablespaces".to_owned(),
        message: format!(
            "{} statements are left out, as they may change what is there: {}",
            statements.len(),
            report::listed(statements)
        ),
        hint: Some("--globals-overwrite runs them too".to_owned()),
    })?;
    context.events.emit(Event::Finding(finding.clone()));
    Some(finding)
}

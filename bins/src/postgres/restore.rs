//! `restore`: one database, or roles and tablespaces.

mod origin;
mod report;

use super::{PROGRAM, target::target};
use crate::{args::postgres::RestoreArgs, context::Context, repository};
use backup_core::{self as core, Error, ErrorKind, Result, event::Event};
use backup_postgres::{
    ClientTools, PgDump, Session,
    restore::{closing_lines, restore_globals},
    server_facts,
    target::{GLOBALS, RestoreRequest, Way},
};
use origin::Origin;
use report::{PlannedRestore, Restored, RestoredGlobals};

/// Restores what was asked for, after the name of what is overwritten was confirmed.
pub(super) async fn restore(context: &Context, args: &RestoreArgs) -> Result<()> {
    let target = target(context)?;
    let cx = repository::for_reading(context, PROGRAM)?;
    match &args.database {
        Some(database) => one_database(context, &cx, &target, args, database).await,
        None => globals(context, &cx, &target, args).await,
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
    demand_confirmation(args, name)?;
    let origin = Origin::find(cx, args, database).await?;
    origin.announce(context)?;
    let request = RestoreRequest {
        database: name.to_owned(),
        dump_of: Some(database.to_owned()),
        way: way(args),
        id: origin.id(cx),
    };
    if context.config.dry_run {
        return context.output.report(&PlannedRestore::new(name, &origin));
    }
    let restored = target.restore(cx, &request, || origin.open(cx)).await;
    let report = restored.map_err(|error| origin.explain(error))?;
    for finding in &report.findings {
        context.events.emit(Event::Finding(finding.clone()));
    }
    context.output.report(&Restored::new(name, &origin, &report))?;
    for line in closing_lines(database) {
        context.output.line(&line)?;
    }
    Ok(())
}

fn way(args: &RestoreArgs) -> Way {
    match (args.create, args.swap) {
        (true, _) => Way::Create,
        (_, true) => Way::Swap,
        _ => Way::InPlace,
    }
}

/// Roles and tablespaces; the host is what is overwritten.
async fn globals(context: &Context, cx: &core::Context, target: &PgDump, args: &RestoreArgs) -> Result<()> {
    demand_confirmation(args, &target.settings.host)?;
    let origin = Origin::find(cx, args, GLOBALS).await?;
    origin.announce(context)?;
    let session = Session::connect(&target.settings, &target.settings.maintenance_database).await?;
    let facts = server_facts(&session).await?;
    let tools = ClientTools::find(&target.tools, facts.version.major()).await?;
    if context.config.dry_run {
        return context.output.report(&PlannedRestore::new(GLOBALS, &origin));
    }
    let done = restore_globals(&target.settings, &tools, origin.open(cx))
        .await
        .map_err(|error| origin.explain(error))?;
    context.output.report(&RestoredGlobals::new(&origin, done))
}

fn demand_confirmation(args: &RestoreArgs, name: &str) -> Result<()> {
    if args.confirm.as_deref() == Some(name) {
        return Ok(());
    }
    let message = match &args.confirm {
        None => format!("a restore overwrites {name}, and that was not confirmed"),
        Some(other) => format!("a restore overwrites {name}, but {other} was confirmed"),
    };
    Err(Error::new(ErrorKind::Refused, message).hint(format!("if that is what you want: --confirm {name}")))
}

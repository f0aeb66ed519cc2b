//! The verbs of `backup-postgres`.

mod restore;
mod target;

use crate::{
    args::postgres::{Asked, PostgresArgs},
    context::Context,
    verbs::{
        backup::{Job, backup},
        check,
        list::{self, Shows},
        prune, verify,
    },
};
use backup_core::{Result, run::BackupReport};
use target::target;

/// The name in manifests and headers.
const PROGRAM: &str = "backup-postgres";

/// Does what was asked for.
///
/// # Errors
/// What went wrong; its kind decides the exit code.
pub async fn run(args: PostgresArgs, context: Context) -> Result<()> {
    let cx = &context;
    match args.asked() {
        Asked::Dump => Box::pin(dump(cx)).await,
        Asked::Restore(what) => Box::pin(restore::restore(cx, what)).await,
        Asked::Verify(what) => Box::pin(verify::verify(cx, PROGRAM, &target(cx)?, what)).await,
        Asked::List => Box::pin(list::list(cx, PROGRAM, |_| Shows::default())).await,
        Asked::Prune(what) => Box::pin(prune::prune(cx, PROGRAM, &target(cx)?, what)).await,
        Asked::Check => Box::pin(check::check(cx, PROGRAM, &target(cx)?, None)).await,
    }
}

async fn dump(context: &Context) -> Result<()> {
    let job = Job {
        program: PROGRAM,
        target: &target(context)?,
        held: 0,
        last_line,
    };
    backup(context, job).await
}

fn last_line(_: &BackupReport, place: &str) -> String {
    format!("PostgreSQL backup complete: {place}")
}

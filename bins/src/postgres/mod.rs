//! The verbs of `backup-postgres`.

mod check;
mod dump;
mod list;
mod prune;
mod restore;
mod target;
mod verify;

use crate::{
    args::postgres::{Asked, PostgresArgs},
    context::Context,
};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
};

/// The name in manifests and headers.
const PROGRAM: &str = "backup-postgres";

/// With `--strict`, findings that matter are no success: `done` was done, and somebody has to look.
fn strict(context: &Context, findings: &[Finding], done: &str) -> Result<()> {
    if context.config.strict && findings.iter().any(|finding| finding.severity > Severity::Note) {
        return Err(Error::new(
            ErrorKind::Findings,
            format!("{done}, and there are findings"),
        ));
    }
    Ok(())
}

/// Does what was asked for.
///
/// # Errors
/// What went wrong; its kind decides the exit code.
pub async fn run(args: PostgresArgs, context: Context) -> Result<()> {
    match args.asked() {
        Asked::Dump => Box::pin(dump::dump(&context)).await,
        Asked::Restore(what) => Box::pin(restore::restore(&context, what)).await,
        Asked::Verify(what) => Box::pin(verify::verify(&context, what)).await,
        Asked::List => Box::pin(list::list(&context)).await,
        Asked::Prune => Box::pin(prune::prune(&context)).await,
        Asked::Check => Box::pin(check::check(&context)).await,
    }
}

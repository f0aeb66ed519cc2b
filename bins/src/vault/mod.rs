//! The verbs of `backup-vault`.

mod about;
mod inspect;
mod policy;
mod restore;
mod target;

use crate::{
    args::vault::{Asked, VaultArgs},
    context::Context,
    verbs::{
        backup::{Job, backup},
        check,
        list::{self, Shows},
        prune, verify,
    },
};
use about::About;
use backup_core::{Result, catalog::Manifest, run::BackupReport};
use target::{stored, target};

/// The name in manifests and headers.
const PROGRAM: &str = "backup-vault";

/// Does what was asked for.
///
/// # Errors
/// What went wrong; its kind decides the exit code.
pub async fn run(args: VaultArgs, context: Context) -> Result<()> {
    let cx = &context;
    match args.asked() {
        Asked::Snapshot => Box::pin(snapshot(cx)).await,
        Asked::Restore(what) => Box::pin(restore::restore(cx, what)).await,
        Asked::Inspect(what) => Box::pin(inspect::inspect(cx, what)).await,
        Asked::Verify(what) => Box::pin(verify::verify(cx, PROGRAM, &stored(cx)?, what)).await,
        Asked::List => Box::pin(list::list(cx, PROGRAM, about)).await,
        Asked::Prune(what) => Box::pin(prune::prune(cx, PROGRAM, &stored(cx)?, what)).await,
        Asked::Check => {
            let target = target(cx)?;
            Box::pin(check::check(cx, PROGRAM, &target, Some(&target.spool))).await
        }
        Asked::Policy => policy::policy(cx),
    }
}

async fn snapshot(context: &Context) -> Result<()> {
    let target = target(context)?;
    let job = Job {
        program: PROGRAM,
        target: &target,
        held: target.spool.memory,
        last_line,
    };
    backup(context, job).await
}

/// As documented: the name in the script's form, and the bytes of the snapshot itself, however it is stored.
fn last_line(report: &BackupReport, _: &str) -> String {
    let manifest = &report.manifest;
    format!(
        "Vault snapshot saved: {}.snap ({} bytes)",
        manifest.id,
        manifest.plain_length()
    )
}

/// A store may have backups of several clusters.
fn about(manifest: &Manifest) -> Shows {
    let about = About::of(manifest);
    Shows {
        remark: Some(about.to_string()),
        fields: about.fields(),
    }
}

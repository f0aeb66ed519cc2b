//! `prune --forget` and `--forget-unsigned`: delete one backup, or a manifest that proves nothing, whatever the keep rules say.

use crate::{context::Context, output::Report, repository};
use backup_core::{
    Error, ErrorKind, Result,
    id::BackupId,
    run::prune::{forget as core_forget, forget_unsigned as core_unsigned},
    target::BackupTarget,
};
use serde::Serialize;

/// Deletes the backup, after its id was confirmed.
///
/// # Errors
/// [`ErrorKind::Refused`] if it is not confirmed, of another target, or nobody known vouches for it; [`ErrorKind::NotFound`]; those of keys, lease and store.
pub(super) async fn forget(
    context: &Context,
    program: &str,
    target: &dyn BackupTarget,
    (id, confirmed): (BackupId, Option<BackupId>),
) -> Result<()> {
    let dry_run = context.config.dry_run;
    demand_confirmation(dry_run, id, confirmed)?;
    let cx = repository::for_reading(context, program)?;
    let request = super::request(context, repository::existing(&cx).await?, None);
    let removed = match dry_run {
        true => core_forget::look(&cx, target, &request, id).await.map(|()| 0)?,
        false => {
            core_forget::forget(&cx.probed().await?, target, &request, id)
                .await?
                .objects
        }
    };
    context.output.report(&Shown {
        id: id.to_string(),
        executed: !dry_run,
        objects: removed,
    })
}

/// Deletes a manifest that proves nothing, after its id was confirmed.
///
/// # Errors
/// [`ErrorKind::Refused`] if it is not confirmed, or a known key vouches for it; [`ErrorKind::NotFound`]; those of keys, lease and store.
pub(super) async fn forget_unsigned(
    context: &Context,
    program: &str,
    target: &dyn BackupTarget,
    (id, confirmed): (BackupId, Option<BackupId>),
) -> Result<()> {
    let dry_run = context.config.dry_run;
    demand_confirmation(dry_run, id, confirmed)?;
    let cx = repository::for_reading(context, program)?;
    let request = super::request(context, repository::existing(&cx).await?, None);
    match dry_run {
        true => core_unsigned::look(&cx, &request, id).await?,
        false => core_unsigned::forget_unsigned(&cx.probed().await?, target, &request, id).await?,
    }
    context.output.report(&Shown {
        id: id.to_string(),
        executed: !dry_run,
        objects: u64::from(!dry_run),
    })
}

fn demand_confirmation(dry_run: bool, id: BackupId, confirmed: Option<BackupId>) -> Result<()> {
    if dry_run || confirmed == Some(id) {
        return Ok(());
    }
    let message = format!("{id} would be deleted for good, and that was not confirmed");
    Err(Error::new(ErrorKind::Refused, message).hint(format!("if that is what you want: --confirm {id}")))
}

#[derive(Serialize)]
struct Shown {
    id: String,
    executed: bool,
    objects: u64,
}

impl Report for Shown {
    fn text(&self) -> String {
        match self.executed {
            true => format!("deleted backup {}: {} objects\n", self.id, self.objects),
            false => format!("backup {} would be deleted\n", self.id),
        }
    }
}

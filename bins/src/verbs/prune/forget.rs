//! `prune --forget`: delete one backup, whatever the keep rules say.

use crate::{context::Context, output::Report, repository};
use backup_core::{Error, ErrorKind, Result, id::BackupId, run::prune::forget as core_forget, target::BackupTarget};
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
    if !dry_run && confirmed != Some(id) {
        let message = format!("backup {id} would be deleted for good, and that was not confirmed");
        return Err(Error::new(ErrorKind::Refused, message).hint(format!("if that is what you want: --confirm {id}")));
    }
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

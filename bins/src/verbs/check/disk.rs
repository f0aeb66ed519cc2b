//! Room for the next backup, where this machine has to have it.

use super::finding;
use crate::{context::Context, table::bytes};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    catalog::{Artifact, Manifest, Repository, list},
    event::{Finding, Severity},
    pipeline::SpoolRoom,
};
use std::path::Path;

/// What is free in a store that is a folder, beside the size of the newest complete backup; nothing where the store is no folder.
pub(super) async fn free(context: &Context, program: &str, cx: &core::Context, target: &str) -> Option<Finding> {
    let folder = context.config.store.as_deref()?.strip_prefix("file://")?;
    let subject = format!("disk {folder}");
    let looked = async {
        let free = space(Path::new(folder))?;
        let last = last(cx, target).await?;
        Ok::<_, Error>((free, last.as_ref().map(stored)))
    };
    let hint = format!("make room for twice the last backup, or keep fewer (`{program} prune --keep-last N`)");
    Some(match looked.await {
        Ok((free, last)) => judged(&subject, free, last, &hint),
        Err(error) => failed(&subject, &error),
    })
}

/// Whether what does not fit into memory can wait in `room`: it may need it on the day of a backup for the first time.
pub(super) async fn spool(room: &SpoolRoom, cx: &core::Context, target: &str) -> Finding {
    let subject = format!("spool {}", room.folder.display());
    let looked = async {
        room.try_out()?;
        let free = space(&room.folder)?;
        let last = last(cx, target).await;
        let last = last.map_err(|error| error.context("the last backup, to know its size"))?;
        Ok::<_, Error>((free, last))
    };
    match looked.await {
        Ok((free, last)) => judged(
            &subject,
            free,
            last.as_ref().map(Manifest::plain_length),
            "make room for twice the last backup, or name another folder with --spool-dir or BACKUP_SPOOL_DIR",
        ),
        Err(error) => failed(&subject, &error),
    }
}

/// Bytes that are free.
fn space(folder: &Path) -> Result<u64> {
    let space = rustix::fs::statvfs(folder)
        .map_err(|error| Error::new(ErrorKind::StoreFailed, "free space cannot be read").because(error))?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// The newest complete backup.
async fn last(cx: &core::Context, target: &str) -> Result<Option<Manifest>> {
    let Some(repository) = Repository::open(cx).await? else {
        return Ok(None);
    };
    let last = list::latest_of_anyone(cx, &repository, target, |_| true).await?;
    Ok(last.and_then(|entry| entry.manifest.ok()).map(|signed| signed.value))
}

fn stored(backup: &Manifest) -> u64 {
    backup.artifacts.iter().map(Artifact::stored_length).sum()
}

fn failed(subject: &str, error: &Error) -> Finding {
    let hint = error.hints().first().map(String::as_str);
    finding(Severity::Error, subject, &error.chain(), hint)
}

/// The next backup may be larger than the last, and old ones go only after it is complete.
fn judged(subject: &str, free: u64, last: Option<u64>, hint: &str) -> Finding {
    let Some(last) = last else {
        return finding(Severity::Note, subject, &format!("{} free", bytes(free)), None);
    };
    let message = format!("{} free; the last backup took {}", bytes(free), bytes(last));
    if free >= last.saturating_mul(2) {
        return finding(Severity::Note, subject, &message, None);
    }
    finding(Severity::Warning, subject, &message, Some(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_room_than_twice_the_last_backup_is_a_warning() {
        let severity = |free, last| judged("disk /x", free, last, "").severity;
        assert_eq!(severity(0, None), Severity::Note);
        assert_eq!(severity(200, Some(100)), Severity::Note);
        let found = judged("disk /x", 199, Some(100), "make room");
        assert_eq!(found.severity, Severity::Warning);
        assert!(
            found.hint.is_some() && found.message.contains("199 B free"),
            "{found:?}"
        );
    }
}

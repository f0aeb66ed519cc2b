//! Room for the next backup, where the store is a folder of this machine.

use super::finding;
use crate::{context::Context, table::bytes};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    catalog::{Repository, list},
    event::{Finding, Severity},
};

/// What is free, beside the size of the newest complete backup; nothing where the store is no folder.
pub(super) async fn free(context: &Context, program: &str, cx: &core::Context, target: &str) -> Option<Finding> {
    let folder = context.config.store.as_deref()?.strip_prefix("file://")?;
    let subject = format!("disk {folder}");
    Some(match looked(cx, folder, target).await {
        Ok((free, last)) => judged(program, &subject, free, last),
        Err(error) => finding(
            Severity::Error,
            &subject,
            &error.chain(),
            error.hints().first().map(String::as_str),
        ),
    })
}

async fn looked(cx: &core::Context, folder: &str, target: &str) -> Result<(u64, Option<u64>)> {
    let space = rustix::fs::statvfs(folder)
        .map_err(|error| Error::new(ErrorKind::StoreFailed, "free space cannot be read").because(error))?;
    let Some(repository) = Repository::open(cx).await? else {
        return Ok((space.f_bavail.saturating_mul(space.f_frsize), None));
    };
    let last = list::latest_of_anyone(cx, &repository, target, |_| true).await?;
    let stored = last.and_then(|entry| entry.manifest.ok()).map(|signed| {
        let artifacts = signed.value.artifacts.iter();
        artifacts.map(core::catalog::Artifact::stored_length).sum()
    });
    Ok((space.f_bavail.saturating_mul(space.f_frsize), stored))
}

/// The next backup may be larger than the last, and old ones go only after it is complete.
fn judged(program: &str, subject: &str, free: u64, last: Option<u64>) -> Finding {
    let Some(last) = last else {
        return finding(Severity::Note, subject, &format!("{} free", bytes(free)), None);
    };
    let message = format!("{} free; the last backup took {}", bytes(free), bytes(last));
    if free >= last.saturating_mul(2) {
        return finding(Severity::Note, subject, &message, None);
    }
    finding(
        Severity::Warning,
        subject,
        &message,
        Some(&format!(
            "make room for twice the last backup, or keep fewer (`{program} prune --keep-last N`)"
        )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_room_than_twice_the_last_backup_is_a_warning() {
        let severity = |free, last| judged("backup-postgres", "disk /x", free, last).severity;
        assert_eq!(severity(0, None), Severity::Note);
        assert_eq!(severity(200, Some(100)), Severity::Note);
        let found = judged("backup-postgres", "disk /x", 199, Some(100));
        assert_eq!(found.severity, Severity::Warning);
        assert!(
            found.hint.is_some() && found.message.contains("199 B free"),
            "{found:?}"
        );
    }
}

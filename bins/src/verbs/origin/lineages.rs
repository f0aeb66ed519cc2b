//! Whose backups there are.

use crate::repository;
use backup_core::{
    self as core, Result,
    catalog::{Entry, Manifest, list},
    target::BackupTarget,
};
use futures::TryStreamExt;

/// The newest backup of `target` in each lineage, newest first: of those that a known key signed, or if there are none, of those that
/// nobody vouches for. Reads every manifest; memory is one for each lineage. Reads from the store only.
///
/// # Errors
/// `NotFound` if nothing was ever backed up there; those of the store.
pub async fn newest_of_each(cx: &core::Context, target: &dyn BackupTarget) -> Result<Vec<Manifest>> {
    let repository = repository::existing(cx).await?;
    let (mut signed, mut anyones) = (Vec::new(), Vec::new());
    let mut entries = std::pin::pin!(list::entries(cx, &repository).await?);
    while let Some(entry) = entries.try_next().await? {
        if entry.target() != Some(target.name()) {
            continue;
        }
        let kept = if entry.is_authentic(cx) {
            &mut signed
        } else {
            &mut anyones
        };
        keep(kept, entry)?;
    }
    Ok(if signed.is_empty() { anyones } else { signed })
}

/// The first of its lineage is the newest.
fn keep(kept: &mut Vec<Manifest>, entry: Entry) -> Result<()> {
    let manifest = entry.manifest?.value;
    if !kept.iter().any(|other| other.lineage == manifest.lineage) {
        kept.push(manifest);
    }
    Ok(())
}

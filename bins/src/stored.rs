//! What an operator means by the name of an object.

use backup_core::{
    self as core, Result,
    catalog::{Artifact, Manifest, Repository, Trust, list},
    id::BackupId,
    store::Key,
};

/// An object in the store.
#[derive(Debug)]
pub enum Stored {
    /// It belongs to an artifact of a backup.
    Artifact {
        /// Whether a known key vouches for the backup.
        authentic: bool,
        /// Who signed its manifest.
        trust: Trust,
        /// The backup.
        manifest: Box<Manifest>,
        /// The artifact that it is a part of.
        artifact: Box<Artifact>,
    },
    /// No manifest names it, as with files of the old scripts.
    Plain(Key),
    /// There is no such object.
    Missing(Key),
}

/// Finds what `name` is: a key below the root of the store, or the full address of one.
///
/// # Errors
/// Those of the store; [`core::ErrorKind::Damaged`] if the manifest of its backup cannot be read, [`core::ErrorKind::Refused`] if it is of a newer version
/// or of another repository.
pub async fn find(cx: &core::Context, name: &str) -> Result<Stored> {
    let root = format!("{}/", cx.store.location());
    let name = name.strip_prefix(&root).unwrap_or(name);
    if let Some(found) = in_backup(cx, name).await? {
        return Ok(found);
    }
    let key = Key::from(name);
    Ok(match cx.store.head(&key).await? {
        Some(_) => Stored::Plain(key),
        None => Stored::Missing(key),
    })
}

/// The data of a backup lies under its id.
async fn in_backup(cx: &core::Context, name: &str) -> Result<Option<Stored>> {
    let Some(id) = name.get(..15).and_then(|id| id.parse::<BackupId>().ok()) else {
        return Ok(None);
    };
    let Some(repository) = Repository::open(cx).await? else {
        return Ok(None);
    };
    let Some(entry) = list::entry(cx, &repository, id).await? else {
        return Ok(None);
    };
    let authentic = entry.is_authentic(cx);
    let signed = *entry.manifest?;
    let (trust, manifest) = (signed.trust, signed.value);
    let holds = |artifact: &&Artifact| artifact.objects.iter().any(|object| object.key == name);
    let artifact = manifest.artifacts.iter().find(holds).cloned();
    Ok(artifact.map(|artifact| Stored::Artifact {
        authentic,
        trust,
        manifest: Box::new(manifest),
        artifact: Box::new(artifact),
    }))
}

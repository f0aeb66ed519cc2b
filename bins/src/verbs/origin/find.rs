//! Finds what an operator wants to restore.

use super::{super::absent::absent, FromBackup, Origin, Other, SealedFile};
use crate::{
    args::verbs::At,
    repository,
    stored::{self, Stored},
};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    catalog::{Artifact, Entry, Manifest, Repository, Sought, State, Trust, latest, list},
    id::BackupId,
    target::BackupTarget,
};
use futures::StreamExt;
use std::path::{Path, PathBuf};

/// What is to be restored.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The program, for its hints.
    pub program: &'static str,
    /// The target whose backups count.
    pub target: &'a dyn BackupTarget,
    /// The name of the artifact.
    pub artifact: &'a str,
    /// The key or file that was named instead of a backup.
    pub from: Option<&'a str>,
    /// The backup; the latest if none is named.
    pub at: Option<At>,
    /// Only backups of this lineage count for the latest; those of all if none is named.
    pub lineage: Option<&'a str>,
    /// Whether backups that no known key vouches for will do.
    pub allow_unauthenticated: bool,
    /// What to do where `from`, the first, holds the artifact of the second name instead.
    pub instead: fn(&str, &str) -> String,
}

impl<'a> Wanted<'a> {
    fn sought(&self) -> Sought<'a> {
        Sought {
            target: self.target.name(),
            lineage: self.lineage,
            artifact: Some(self.artifact),
            allow_unauthenticated: self.allow_unauthenticated,
            allow_failed: false,
        }
    }
}

impl Origin {
    /// Finds it. Reads from the store only.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Refused`] or [`ErrorKind::Key`] if nobody known vouches for it; those of the store.
    pub async fn find(cx: &core::Context, wanted: &Wanted<'_>) -> Result<Self> {
        let found = async {
            match wanted.from {
                None => from_backup(cx, wanted).await,
                Some(from) if Path::new(from).is_file() => from_file(wanted, from.into()).await,
                Some(from) => from_key(cx, wanted, from).await,
            }
        };
        cx.unless_cancelled("look for the backup", found).await
    }
}

/// A sealed one is known by its first bytes, whatever its name is.
async fn from_file(wanted: &Wanted<'_>, path: PathBuf) -> Result<Origin> {
    let sealed = SealedFile::find(&path, wanted.target.component()).await?;
    Ok(match sealed {
        Some(sealed) => Origin::Sealed(Box::new(sealed)),
        None => Origin::File(path),
    })
}

async fn from_backup(cx: &core::Context, wanted: &Wanted<'_>) -> Result<Origin> {
    let (artifact, target) = (wanted.artifact, wanted.target.name());
    let repository = repository::existing(cx).await?;
    let has = |entry: &Entry, lineage: &str| {
        let signed = entry.manifest.as_ref();
        signed.is_ok_and(|signed| signed.value.lineage == lineage && find(&signed.value, artifact).is_some())
    };
    let entry = match wanted.at.unwrap_or(At::Latest) {
        At::Latest => latest(cx, &repository, wanted.sought()).await?,
        At::Id(id) => list::entry(cx, &repository, id).await?,
    };
    let Some(entry) = entry else {
        return Err(absent(cx, wanted.program, (wanted.at, Some(artifact))).await);
    };
    let authentic = entry.is_authentic(cx);
    let signed = *entry.manifest?;
    demand_trust((authentic, signed.trust), signed.value.id, wanted)?;
    let Some(found) = find(&signed.value, artifact) else {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("backup {} does not hold {artifact}", signed.value.id),
        )
        .hint(failure(&signed.value, artifact)));
    };
    let (found, id) = (found.clone(), signed.value.id);
    let other = newest_other(cx, &repository, |entry| {
        let good = entry.target() == Some(target) && entry.state() == State::Complete && entry.is_authentic(cx);
        good && entry.id != id && entry.proof.failed.is_none() && has(entry, &signed.value.lineage)
    })
    .await;
    Ok(Origin::Backup(Box::new(FromBackup {
        manifest: signed.value,
        artifact: found,
        component: wanted.target.component().to_owned(),
        authentic,
        other,
    })))
}

/// For a hint only: what is wrong with other backups must not keep this one from being restored.
async fn newest_other(cx: &core::Context, repository: &Repository, good: impl Fn(&Entry) -> bool) -> Other {
    let Ok(entries) = list::entries(cx, repository).await else {
        return Other::Unseen;
    };
    let (mut entries, mut unseen) = (std::pin::pin!(entries), false);
    while let Some(entry) = entries.next().await {
        match entry {
            Ok(entry) if good(&entry) => return Other::Newest(entry.id),
            Ok(_) => {}
            Err(_) => unseen = true,
        }
    }
    if unseen { Other::Unseen } else { Other::None }
}

/// Only what a known key signed; without any key, what the store encrypts has to do.
fn demand_trust((authentic, trust): (bool, Trust), id: BackupId, wanted: &Wanted<'_>) -> Result<()> {
    if authentic || wanted.allow_unauthenticated {
        return Ok(());
    }
    Err(nobody_vouches(id, trust))
}

/// Somebody signed it, so the right key would do; or nobody did, and none will.
fn nobody_vouches(id: BackupId, trust: Trust) -> Error {
    let error = match trust {
        Trust::Unsigned => Error::new(ErrorKind::Refused, format!("backup {id} is not signed")),
        Trust::Signed(_) | Trust::UnknownSigner(_) => {
            Error::new(ErrorKind::Key, format!("no known key vouches for backup {id}"))
                .hint("give the key file that has the signing key (--key-file or BACKUP_KEY_FILE), or its `verify` line, or both old and new keys after a rotation")
        }
    };
    error.hint("if you know where it comes from: --allow-unauthenticated-origin")
}

fn find<'m>(manifest: &'m Manifest, artifact: &str) -> Option<&'m Artifact> {
    manifest.artifacts.iter().find(|found| found.name == artifact)
}

fn failure(manifest: &Manifest, artifact: &str) -> String {
    match manifest.failures.iter().find(|failed| failed.name == artifact) {
        Some(failed) => format!("it failed when the backup was made: {}", failed.error),
        None => {
            let held: Vec<&str> = manifest.artifacts.iter().map(|held| held.name.as_str()).collect();
            format!("it holds {}", held.join(", "))
        }
    }
}

/// A key that belongs to a backup is restored as that; any other is taken as it is.
async fn from_key(cx: &core::Context, wanted: &Wanted<'_>, from: &str) -> Result<Origin> {
    match stored::find(cx, from).await? {
        Stored::Artifact { artifact, .. } if artifact.name != wanted.artifact => {
            let message = format!("{from} holds {}, not {}", artifact.name, wanted.artifact);
            Err(Error::new(ErrorKind::Refused, message).hint((wanted.instead)(from, &artifact.name)))
        }
        Stored::Artifact {
            authentic,
            trust,
            manifest,
            artifact,
        } => {
            demand_trust((authentic, trust), manifest.id, wanted)?;
            Ok(Origin::Backup(Box::new(FromBackup {
                manifest: *manifest,
                artifact: *artifact,
                component: wanted.target.component().to_owned(),
                authentic,
                other: Other::Unseen,
            })))
        }
        Stored::Plain(key) if from.ends_with(".pbe") => {
            Err(Error::new(ErrorKind::NotFound, format!("no manifest names {key}"))
                .hint("a sealed object is restored through its backup: --at ID")
                .hint("if its manifest is lost, copy the object to this machine and name the file"))
        }
        Stored::Plain(key) => Ok(Origin::Key(key)),
        Stored::Missing(key) => {
            let address = cx.store.location().of(&key);
            Err(Error::new(
                ErrorKind::NotFound,
                format!("there is neither a file {from} nor an object {address}"),
            ))
        }
    }
}

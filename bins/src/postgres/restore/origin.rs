//! Where a restore reads from: a backup's artifact, a key of the store, or a file.

use super::super::PROGRAM;
use crate::{
    args::postgres::{At, RestoreArgs},
    context::Context,
    repository,
    stored::{self, Stored},
};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    catalog::{Artifact, Entry, Manifest, Trust, list},
    event::{Event, Finding, Severity},
    id::BackupId,
    pipeline::{ByteStream, ContentSource, Source, content},
    store::Key,
};
use backup_postgres::{
    PgDump,
    target::{ArtifactDetails, GLOBALS},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::{fmt, path::PathBuf};

/// What is restored.
pub(super) enum Origin {
    /// An artifact of a backup: every byte is checked against its manifest.
    Backup(Box<FromBackup>),
    /// An object without a manifest, as the old script stored them.
    Key(Key),
    /// A local file, as the old script made them.
    File(PathBuf),
}

pub(super) struct FromBackup {
    manifest: Manifest,
    artifact: Artifact,
    newest_good: Option<BackupId>,
}

/// An origin for people and machines.
#[derive(Serialize)]
pub(super) struct Described {
    pub(super) from: String,
    age_seconds: Option<i64>,
    objects: Vec<String>,
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.from)?;
        if let Some(seconds) = self.age_seconds {
            write!(f, ", {} old", age(seconds))?;
        }
        match &self.objects[..] {
            [] => Ok(()),
            [object] => write!(f, ", {object}"),
            [first, more @ ..] => write!(f, ", {first} and {} more", more.len()),
        }
    }
}

/// In the largest unit that leaves more than one.
fn age(seconds: i64) -> String {
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    match units.into_iter().find(|(unit, _)| seconds >= 2 * unit) {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} seconds"),
    }
}

impl Origin {
    /// `from` is the key or file that was named instead of a backup.
    pub(super) async fn find(
        cx: &core::Context,
        args: &RestoreArgs,
        from: Option<&str>,
        artifact: &str,
    ) -> Result<Self> {
        match from {
            None => from_backup(cx, args, args.at.unwrap_or(At::Latest), artifact).await,
            Some(from) if PathBuf::from(from).is_file() => Ok(Self::File(from.into())),
            Some(from) => from_key(cx, args, from, artifact).await,
        }
    }

    /// Says what is used before anything is touched, and what cannot be promised of it; returns the latter.
    pub(super) fn announce(&self, context: &Context, cx: &core::Context, what: &str) -> Vec<Finding> {
        let described = self.described(cx);
        context.events.emit(Event::Step(format!("{what}: from {described}")));
        if matches!(self, Self::Backup(_)) {
            return Vec::new();
        }
        let finding = Finding {
            severity: Severity::Warning,
            subject: self.name(),
            message:
                "it has no manifest: nobody vouches for its bytes, and they are checked as far as the format allows"
                    .to_owned(),
            hint: None,
        };
        context.events.emit(Event::Finding(finding.clone()));
        vec![finding]
    }

    /// Which backup, how old it is, and which object.
    pub(super) fn described(&self, cx: &core::Context) -> Described {
        match self {
            Self::Backup(backup) => {
                let id = backup.manifest.id;
                let objects = &backup.artifact.objects;
                Described {
                    from: self.name(),
                    age_seconds: Some(cx.clock.now().duration_since(id.timestamp()).as_secs()),
                    objects: objects
                        .iter()
                        .map(|object| cx.store.location().of(&Key::from(object.key.as_str())))
                        .collect(),
                }
            }
            Self::Key(key) => Described {
                from: self.name(),
                age_seconds: None,
                objects: vec![cx.store.location().of(key)],
            },
            Self::File(_) => Described {
                from: self.name(),
                age_seconds: None,
                objects: Vec::new(),
            },
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Backup(backup) => format!("backup {}", backup.manifest.id),
            Self::Key(key) => key.to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Names databases that the restore makes on its way.
    pub(super) fn id(&self, cx: &core::Context) -> BackupId {
        match self {
            Self::Backup(backup) => backup.manifest.id,
            Self::Key(_) | Self::File(_) => BackupId::at(cx.clock.now()),
        }
    }

    pub(super) fn schema_version(&self) -> Option<i64> {
        let Self::Backup(backup) = self else { return None };
        let details = serde_json::Value::Object(backup.artifact.details.clone());
        serde_json::from_value::<ArtifactDetails>(details).ok()?.schema_version
    }

    /// The dump, from its beginning.
    pub(super) fn open(&self, cx: &core::Context) -> ByteStream {
        match self {
            Self::Backup(backup) => {
                let source = ContentSource {
                    store: cx.store.clone(),
                    repository: backup.manifest.repository,
                    component: PgDump::COMPONENT.to_owned(),
                    keyring: cx.keyring.clone(),
                };
                content(source, backup.artifact.clone())
            }
            Self::Key(key) => object(cx, key.clone()),
            Self::File(path) => file(path.clone()),
        }
    }

    /// Damage names the newest backup that is known to be good.
    pub(super) fn explain(&self, error: Error) -> Error {
        match self {
            Self::Backup(backup) if error.kind() == ErrorKind::Damaged => {
                let error = error.context(format!("backup {} is damaged", backup.manifest.id));
                match backup.newest_good {
                    Some(good) => error.hint(format!("the newest other backup is {good}: --at {good}")),
                    None => error.hint("there is no other complete backup of it"),
                }
            }
            _ => error,
        }
    }
}

async fn from_backup(cx: &core::Context, args: &RestoreArgs, at: At, artifact: &str) -> Result<Origin> {
    let repository = repository::existing(cx).await?;
    let has = |entry: &Entry| {
        entry
            .manifest
            .as_ref()
            .is_ok_and(|signed| find(&signed.value, artifact).is_some())
    };
    let entry = match at {
        At::Latest => repository::latest(cx, &repository, PgDump::NAME, has).await?,
        At::Id(id) => list::entry(cx, &repository, id).await?,
    };
    let entry = entry.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("there is no such backup of {artifact}"))
            .hint(format!("`{PROGRAM} list` shows what is there"))
            .hint("the latest is one that a known key signed: if those are `unauthenticated`, give the `verify` line of who signed them, or --at ID")
    })?;
    let authentic = entry.is_authentic(cx);
    let signed = *entry.manifest?;
    demand_trust((authentic, signed.trust), signed.value.id, args)?;
    let Some(found) = find(&signed.value, artifact) else {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("backup {} does not hold {artifact}", signed.value.id),
        )
        .hint(failure(&signed.value, artifact)));
    };
    let (found, id) = (found.clone(), signed.value.id);
    let newest_good = list::latest(cx, &repository, PgDump::NAME, |entry| {
        entry.id != id && entry.proof.failed.is_none() && has(entry)
    })
    .await?;
    Ok(Origin::Backup(Box::new(FromBackup {
        manifest: signed.value,
        artifact: found,
        newest_good: newest_good.map(|entry| entry.id),
    })))
}

/// Only what a known key signed; without any key, what the store encrypts has to do.
fn demand_trust((authentic, trust): (bool, Trust), id: BackupId, args: &RestoreArgs) -> Result<()> {
    if authentic || args.allow_unauthenticated_origin {
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
        None => "`list --json` shows what is in which backup".to_owned(),
    }
}

/// A key that belongs to a backup is restored as that; any other is taken as it is.
async fn from_key(cx: &core::Context, args: &RestoreArgs, from: &str, wanted: &str) -> Result<Origin> {
    match stored::find(cx, from).await? {
        Stored::Artifact { artifact, .. } if artifact.name != wanted => {
            let name = &artifact.name;
            let hint = if name == GLOBALS {
                format!("these are roles and tablespaces: restore --globals {from}")
            } else {
                format!("this is a dump of {name}: restore {name} {from} --target-db NAME")
            };
            Err(Error::new(ErrorKind::Refused, format!("{from} holds {name}, not {wanted}")).hint(hint))
        }
        Stored::Artifact {
            authentic,
            trust,
            manifest,
            artifact,
        } => {
            demand_trust((authentic, trust), manifest.id, args)?;
            Ok(Origin::Backup(Box::new(FromBackup {
                manifest: *manifest,
                artifact: *artifact,
                newest_good: None,
            })))
        }
        Stored::Plain(key) if from.ends_with(".pbe") => {
            Err(Error::new(ErrorKind::NotFound, format!("no manifest names {key}"))
                .hint("a sealed object is restored through its backup: --at ID"))
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

fn object(cx: &core::Context, key: Key) -> ByteStream {
    let store = cx.store.clone();
    let body = async move {
        let missing = || Error::new(ErrorKind::NotFound, format!("{key} is gone"));
        let download = store.get(&key, None, None).await?.ok_or_else(missing)?;
        let length = download.meta.length;
        Ok::<_, Error>(Source::sized(download.body.map_err(Error::from), length).into_stream())
    };
    stream::once(body).try_flatten().boxed()
}

fn file(path: PathBuf) -> ByteStream {
    let opened = async move { Ok::<_, Error>(Source::file(&path).await?.into_stream()) };
    stream::once(opened).try_flatten().boxed()
}

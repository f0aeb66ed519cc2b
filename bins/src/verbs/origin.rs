//! Where a restore reads from: a backup's artifact, a key of the store, a file, or standard input.

mod described;
mod find;
mod lineages;
mod piped;
mod sealed;

pub use described::Described;
pub use find::Wanted;
pub use lineages::newest_of_each;
pub use piped::Piped;
pub use sealed::{SealedFile, opened};

use crate::context::Context;
use backup_core::{
    self as core, Error, ErrorKind,
    catalog::{Artifact, Manifest},
    event::{Event, Finding, Severity},
    id::BackupId,
    pipeline::{ByteStream, ContentSource, Source, content},
    store::Key,
};
use futures::{StreamExt, TryStreamExt, stream};
use std::path::PathBuf;

/// What is restored, or looked at.
#[derive(Debug)]
pub enum Origin {
    /// An artifact of a backup: every byte is checked against its manifest.
    Backup(Box<FromBackup>),
    /// An object without a manifest, as the old scripts stored them.
    Key(Key),
    /// A local file, as the old scripts made them.
    File(PathBuf),
    /// A sealed object that was copied from the store.
    Sealed(Box<SealedFile>),
    /// What is piped in, sealed by this component or not at all. It can be opened once.
    Input(Piped, String),
}

/// An artifact of a backup.
#[derive(Debug)]
pub struct FromBackup {
    manifest: Manifest,
    artifact: Artifact,
    component: String,
    authentic: bool,
    other: Other,
}

/// What there is beside a backup, if that is damaged.
#[derive(Debug, Clone, Copy)]
enum Other {
    /// The newest one of which nothing bad is known.
    Newest(BackupId),
    /// No other complete one.
    None,
    /// Not all of them could be, or were, looked at.
    Unseen,
}

impl Origin {
    /// Says what is used before anything is touched, and what cannot be promised of it; returns the latter.
    pub fn announce(&self, context: &Context, cx: &core::Context, what: &str) -> Vec<Finding> {
        let described = self.described(cx);
        context.events.emit(Event::Step(format!("{what}: from {described}")));
        let findings = match self {
            Self::Backup(backup) => backup.findings(),
            Self::Sealed(sealed) => vec![sealed.finding()],
            Self::Key(_) | Self::File(_) | Self::Input(..) => vec![no_manifest(self.name())],
        };
        for finding in &findings {
            context.events.emit(Event::Finding(finding.clone()));
        }
        findings
    }

    /// Its name for messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Backup(backup) => format!("backup {}", backup.manifest.id),
            Self::Key(key) => key.to_string(),
            Self::File(path) => path.display().to_string(),
            Self::Sealed(sealed) => sealed.path().display().to_string(),
            Self::Input(piped, _) => piped.to_string(),
        }
    }

    /// The id of the backup; for others, one of this moment.
    #[must_use]
    pub fn id(&self, cx: &core::Context) -> BackupId {
        match self {
            Self::Backup(backup) => backup.manifest.id,
            Self::Sealed(sealed) => sealed.id(),
            Self::Key(_) | Self::File(_) | Self::Input(..) => BackupId::at(cx.clock.now()),
        }
    }

    /// What the manifest records, if there is one.
    #[must_use]
    pub fn artifact(&self) -> Option<&Artifact> {
        match self {
            Self::Backup(backup) => Some(&backup.artifact),
            Self::Key(_) | Self::File(_) | Self::Sealed(_) | Self::Input(..) => None,
        }
    }

    /// The lineage of the backup, if there is a manifest that records it.
    #[must_use]
    pub fn lineage(&self) -> Option<&str> {
        match self {
            Self::Backup(backup) => Some(&backup.manifest.lineage),
            Self::Key(_) | Self::File(_) | Self::Sealed(_) | Self::Input(..) => None,
        }
    }

    /// Whether a known key vouches for its bytes.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        matches!(self, Self::Backup(backup) if backup.authentic)
    }

    /// Whether all of it is sealed: opened piece by piece, and none given out that was not proven.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        match self {
            Self::Backup(backup) => backup.artifact.objects.iter().all(|object| object.file_id.is_some()),
            Self::Sealed(_) => true,
            Self::Key(_) | Self::File(_) | Self::Input(..) => false,
        }
    }

    /// Its content, from the beginning.
    #[must_use]
    pub fn open(&self, cx: &core::Context) -> ByteStream {
        match self {
            Self::Backup(backup) => {
                let source = ContentSource {
                    store: cx.store.clone(),
                    repository: backup.manifest.repository,
                    component: backup.component.clone(),
                    keyring: cx.keyring.clone(),
                };
                content(source, backup.artifact.clone())
            }
            Self::Key(key) => object(cx, key.clone()),
            Self::File(path) => file(path.clone()),
            Self::Sealed(sealed) => sealed.open(cx.keyring.clone()),
            Self::Input(piped, component) => {
                let keyring = cx.keyring.clone();
                opened(piped, component.clone(), move || Ok(keyring))
            }
        }
    }

    /// Damage names the newest backup that is known to be good.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        match self {
            Self::Backup(backup) if error.kind() == ErrorKind::Damaged => {
                let error = error.context(format!("backup {} is damaged", backup.manifest.id));
                match backup.other {
                    Other::Newest(good) => error.hint(format!("the newest other backup is {good}: --at {good}")),
                    Other::None => error.hint("there is no other complete backup of it"),
                    Other::Unseen => error.hint("`list` shows which others there are"),
                }
            }
            Self::Sealed(sealed) => sealed.explain(error),
            _ => error,
        }
    }
}

impl FromBackup {
    /// What was found out about the artifact when it was made, as rows that are not in it: a restore brings no more than that.
    fn findings(&self) -> Vec<Finding> {
        let about = |finding: &&Finding| finding.subject == self.artifact.name && finding.severity > Severity::Note;
        let told = |finding: &Finding| Finding {
            message: format!("found when it was backed up: {}", finding.message),
            ..finding.clone()
        };
        self.manifest.findings.iter().filter(about).map(told).collect()
    }
}

fn no_manifest(subject: String) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject,
        message: "it has no manifest: nobody vouches for its bytes, and they are checked as far as the format allows"
            .to_owned(),
        hint: None,
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

/// The bytes of a local file.
#[must_use]
pub fn file(path: PathBuf) -> ByteStream {
    let opened = async move { Ok::<_, Error>(Source::file(&path).await?.into_stream()) };
    stream::once(opened).try_flatten().boxed()
}

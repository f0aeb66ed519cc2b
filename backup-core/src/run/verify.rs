//! Proves that what is stored is what was backed up.

use crate::{
    ErrorKind, Result,
    catalog::{Artifact, Depth, Manifest},
    context::Context,
    event::Event,
    pipeline::{ContentSource, content, read_back},
    target::BackupTarget,
};

/// One damaged thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The artifact, as `platform_money`.
    pub artifact: String,
    /// The key that is damaged.
    pub key: String,
    /// What is wrong, in one line.
    pub what: String,
}

/// Verifies every artifact of a backup and returns what is damaged; nothing if all is well. Writes nothing, takes no lease. Constant memory.
///
/// # Errors
/// Fails if something could not be looked at: store unreachable, key missing. That is not damage, and not health.
pub async fn verify(cx: &Context, target: &dyn BackupTarget, manifest: &Manifest, depth: Depth) -> Result<Vec<Damage>> {
    cx.events.emit(Event::RunStarted {
        verb: "verify",
        target: target.name().to_owned(),
    });
    let mut damaged = Vec::new();
    for artifact in &manifest.artifacts {
        let expected = artifact.objects.iter().map(|object| object.length).sum();
        cx.events.emit(Event::ArtifactStarted {
            name: artifact.name.clone(),
            expected: Some(expected),
        });
        let found = match depth {
            Depth::Objects => objects(cx, artifact).await?,
            Depth::Content | Depth::Restore => contents(cx, target, manifest, artifact).await?,
        };
        match found.first() {
            None => cx.events.emit(Event::ArtifactFinished {
                name: artifact.name.clone(),
                read: expected,
                written: 0,
            }),
            Some(first) => cx.events.emit(Event::ArtifactFailed {
                name: artifact.name.clone(),
                error: first.what.clone(),
            }),
        }
        damaged.extend(found);
    }
    Ok(damaged)
}

async fn objects(cx: &Context, artifact: &Artifact) -> Result<Vec<Damage>> {
    let mut damaged = Vec::new();
    for object in &artifact.objects {
        match read_back(cx.store.as_ref(), object).await {
            Ok(_header) => {}
            Err(error) if error.kind() == ErrorKind::Damaged => {
                damaged.push(damage(artifact, &object.key, error.chain()))
            }
            Err(error) => return Err(error),
        }
    }
    Ok(damaged)
}

/// Damage of the stored bytes names its key; else the content is read whole, as a restore would.
async fn contents(
    cx: &Context,
    target: &dyn BackupTarget,
    manifest: &Manifest,
    artifact: &Artifact,
) -> Result<Vec<Damage>> {
    let stream = content(content_source(cx, target, manifest), artifact.objects.clone());
    match target.verify(cx, artifact, stream).await {
        Ok(()) => Ok(Vec::new()),
        Err(error) if error.kind() == ErrorKind::Damaged => {
            let stored = objects(cx, artifact).await?;
            let key = artifact.objects.first().map_or("", |object| object.key.as_str());
            Ok(if stored.is_empty() {
                vec![damage(artifact, key, error.chain())]
            } else {
                stored
            })
        }
        Err(error) => Err(error),
    }
}

fn damage(artifact: &Artifact, key: &str, what: String) -> Damage {
    Damage {
        artifact: artifact.name.clone(),
        key: key.to_owned(),
        what,
    }
}

/// How the artifacts of `manifest` are read.
#[must_use]
pub fn content_source(cx: &Context, target: &dyn BackupTarget, manifest: &Manifest) -> ContentSource {
    ContentSource {
        store: cx.store.clone(),
        repository: manifest.repository,
        component: target.component().to_owned(),
        keyring: cx.keyring.clone(),
    }
}

//! Proves that what is stored is what was backed up.

use crate::{
    Error, ErrorKind, Result,
    catalog::{Artifact, Depth, Manifest, StoredObject},
    context::Context,
    event::Event,
    keys::Keyring,
    pipeline::{ContentSource, content, read_back},
    seal::{Expected, Header, RangeOpener},
    target::BackupTarget,
};
use futures::{StreamExt, stream};

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

/// What a verification found.
#[derive(Debug, Default)]
pub struct Verification {
    /// What is damaged.
    pub damage: Vec<Damage>,
    /// Why it ended before everything was looked at: store unreachable, key missing, cancelled. That is neither damage nor health.
    pub interrupted: Option<Error>,
}

impl Verification {
    /// Whether everything was looked at, and is what was backed up.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.damage.is_empty() && self.interrupted.is_none()
    }
}

/// Looks at every artifact of a backup. Writes nothing, takes no lease. Constant memory.
///
/// [`Depth::Objects`] reads every stored byte; headers are opened with the keys that are there; without any that open, they are
/// only compared with the manifest. [`Depth::Content`]
/// also opens and decompresses every byte and hands it to the component.
pub async fn verify(cx: &Context, target: &dyn BackupTarget, manifest: &Manifest, depth: Depth) -> Verification {
    verify_at_once(cx, target, manifest, depth, 1).await
}

/// As [`verify`], with `jobs` artifacts at once; memory is that of one, times `jobs`. Damage is told in the order of the manifest.
pub async fn verify_at_once(
    cx: &Context,
    target: &dyn BackupTarget,
    manifest: &Manifest,
    depth: Depth,
    jobs: usize,
) -> Verification {
    cx.events.emit(Event::RunStarted {
        verb: "verify",
        target: target.name().to_owned(),
    });
    let mut found = Verification::default();
    // By number: with a closure over references the future would not be `Send` enough to be spawned (rust-lang/rust#102211).
    let mut looks = stream::iter(0..manifest.artifacts.len())
        .map(|number| unless_cancelled(cx, target, manifest, &manifest.artifacts[number], depth))
        .buffered(jobs.max(1));
    while let Some(looked) = looks.next().await {
        match looked {
            Ok(damage) => found.damage.extend(damage),
            Err(error) => {
                found.interrupted = Some(error);
                break;
            }
        }
    }
    found
}

async fn unless_cancelled(
    cx: &Context,
    target: &dyn BackupTarget,
    manifest: &Manifest,
    artifact: &Artifact,
    depth: Depth,
) -> Result<Vec<Damage>> {
    tokio::select! {
        looked = one(cx, target, manifest, artifact, depth) => looked,
        () = cx.cancel.cancelled() => Err(Error::cancelled(format_args!("verify {}", artifact.name))),
    }
}

async fn one(
    cx: &Context,
    target: &dyn BackupTarget,
    manifest: &Manifest,
    artifact: &Artifact,
    depth: Depth,
) -> Result<Vec<Damage>> {
    let (name, expected) = (artifact.name.clone(), artifact.stored_length());
    cx.events.emit(Event::ArtifactStarted {
        name: name.clone(),
        expected: Some(expected),
    });
    let damage = match depth {
        Depth::Objects => objects(cx, target, manifest, artifact).await?,
        Depth::Content | Depth::Restore => contents(cx, target, manifest, artifact).await?,
    };
    cx.events.emit(match damage.first() {
        None => Event::ArtifactFinished {
            name,
            read: expected,
            written: 0,
        },
        Some(first) => Event::ArtifactFailed {
            name,
            error: first.what.clone(),
        },
    });
    Ok(damage)
}

async fn objects(
    cx: &Context,
    target: &dyn BackupTarget,
    manifest: &Manifest,
    artifact: &Artifact,
) -> Result<Vec<Damage>> {
    let mut damaged = Vec::new();
    for object in &artifact.objects {
        let checked = match read_back(cx.store.as_ref(), object).await {
            Ok(begin) => header(cx.keyring.as_deref(), target, manifest, object, &begin),
            Err(error) => Err(error),
        };
        match checked {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Damaged => {
                damaged.push(damage(artifact, &object.key, error.chain()))
            }
            Err(error) => return Err(error),
        }
    }
    Ok(damaged)
}

/// The digest in the manifest covers the payload only, so the header is looked at by itself.
fn header(
    keyring: Option<&Keyring>,
    target: &dyn BackupTarget,
    manifest: &Manifest,
    object: &StoredObject,
    begin: &[u8],
) -> Result<()> {
    let Some(file_id) = object.file_id else { return Ok(()) };
    if let Some(keyring) = keyring.filter(|keyring| keyring.can_open()) {
        let expected = Expected {
            component: Some(target.component().to_owned()),
            ..Expected::new(manifest.repository, object.logical_path.clone()).with_file_id(file_id)
        };
        return RangeOpener::new(begin, object.length, &expected, keyring).map(drop);
    }
    let header = Header::parse(begin)?;
    let same = header.is_some_and(|header| {
        let spec = header.spec();
        let claims = (
            spec.repository,
            spec.logical_path.as_str(),
            header.file_id(),
            header.payload_offset(),
        );
        claims
            == (
                manifest.repository,
                object.logical_path.as_str(),
                file_id,
                object.payload_offset,
            )
    });
    if same {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::Damaged,
            "its header is not that of the object in the manifest",
        ))
    }
}

/// Damage of the stored bytes names its key; else the content is read whole, as a restore would.
async fn contents(
    cx: &Context,
    target: &dyn BackupTarget,
    manifest: &Manifest,
    artifact: &Artifact,
) -> Result<Vec<Damage>> {
    let stream = content(content_source(cx, target, manifest), artifact.clone());
    match target.verify(cx, artifact, stream).await {
        Ok(()) => Ok(Vec::new()),
        Err(error) if error.kind() == ErrorKind::Damaged => {
            let stored = objects(cx, target, manifest, artifact).await?;
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

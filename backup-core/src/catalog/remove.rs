//! Deleting what one run wrote, and nothing else.

use super::layout::{self, OwnedKeys};
use crate::{
    Context, Result,
    event::{Event, Finding, Severity},
    id::BackupId,
    store::{Key, ListDepth, ListEntry, ObjectMeta, StoreError, StoreErrorKind, StoreResult, UnfinishedUpload},
};
use futures::{StreamExt, TryStreamExt, future::ready, stream::BoxStream};
use jiff::Timestamp;
use std::{
    collections::{HashMap, HashSet},
    iter,
};

/// How many keys one request deletes.
const BATCH: usize = 1000;
/// The number of the last object that an artifact may have: four digits.
const MOST_OBJECTS: u32 = 9999;

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Objects with data.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Unfinished uploads.
    pub uploads: u64,
}

/// Deletes objects under `owned` keys of `id`, then the evidence about `id`, aborts unfinished uploads of those keys, and deletes `markers` last.
///
/// A manifest that a run commits meanwhile goes before the markers: its data is gone. Keys outside `<id>/…` and `<id>.…`, and keys that are not
/// `owned`, are untouched. Where uploads may not be listed or aborted, they stay and are reported. Idempotent: after a failure it is simply called
/// again. Memory is one page of keys.
///
/// # Errors
/// Those of the store.
pub async fn run(cx: &Context, id: BackupId, owned: &OwnedKeys, markers: &[Key]) -> Result<Removed> {
    let removed = strays(cx, id, owned, HashSet::new()).await?;
    let mut ignored = Removed::default();
    all(cx, objects(cx, &layout::evidence(id)), &mut ignored).await?;
    let manifest = layout::manifest(id);
    if cx.store.head(&manifest).await?.is_some() {
        delete(cx, &[manifest]).await?;
    }
    delete(cx, markers).await?;
    Ok(removed)
}

/// Aborts unfinished uploads of `owned` keys of `id` and deletes objects under them that are not among `kept`. As [`run`] otherwise.
///
/// # Errors
/// Those of the store.
pub async fn strays(cx: &Context, id: BackupId, owned: &OwnedKeys, kept: HashSet<Key>) -> Result<Removed> {
    let ours = move |key: &Key| layout::belongs_to(id, key) && owned.contains(key);
    let (mut removed, mut rolled) = (Removed::default(), RolledOver::default());
    let data = objects(cx, &Key::from(id.to_string()))
        .try_filter(move |meta| ready(ours(&meta.key) && !kept.contains(&meta.key)))
        .inspect_ok(|meta| rolled.note(&meta.key))
        .boxed();
    all(cx, data, &mut removed).await?;
    let asked = owned
        .planned()
        .filter(|key| ours(key))
        .flat_map(|key| rolled.asked(key));
    removed.uploads = abort_uploads(cx, asked, &ours).await?;
    Ok(removed)
}

/// Deletes `keys`, in order of batches.
///
/// # Errors
/// The first failure; the rest of its batch was tried all the same.
pub async fn delete(cx: &Context, keys: &[Key]) -> Result<()> {
    for batch in keys.chunks(BATCH) {
        for result in cx.store.delete(batch).await {
            result?;
        }
    }
    Ok(())
}

/// Aborts documents of ours that were never finished (in a folder, where writing takes two steps) and are older than `before`.
///
/// # Errors
/// Those of the store; that it is forbidden or impossible is none.
pub async fn debris(cx: &Context, before: Timestamp) -> Result<()> {
    let old = |upload: &UnfinishedUpload| upload.initiated.is_some_and(|initiated| initiated < before);
    let mut uploads = cx.store.uploads(&Key::from(layout::INTERNAL));
    loop {
        match uploads.try_next().await {
            Ok(Some(upload)) if old(&upload) => cx.store.abort_upload(&upload).await?,
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            Err(error) if matches!(error.kind(), StoreErrorKind::Unsupported | StoreErrorKind::Forbidden) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

type Objects<'a> = BoxStream<'a, Result<ObjectMeta>>;

/// The objects whose keys start with `prefix`.
pub(crate) fn objects(cx: &Context, prefix: &Key) -> Objects<'static> {
    let listing = cx.store.list(prefix, ListDepth::Flat).map_err(crate::Error::from);
    let object = |entry| match entry {
        ListEntry::Object(meta) => Some(meta),
        ListEntry::Folder(_) => None,
    };
    listing.try_filter_map(move |entry| ready(Ok(object(entry)))).boxed()
}

/// Deletes `objects` and adds them to `removed`. Memory is a thousand of them.
///
/// # Errors
/// Those of `objects` and of the store.
pub(crate) async fn all(cx: &Context, objects: Objects<'_>, removed: &mut Removed) -> Result<()> {
    let mut batches = objects.try_chunks(BATCH);
    while let Some(batch) = batches.try_next().await.map_err(|error| error.1)? {
        let keys: Vec<Key> = batch.iter().map(|meta| meta.key.clone()).collect();
        delete(cx, &keys).await?;
        removed.objects += keys.len() as u64;
        removed.bytes += batch.iter().map(|meta| meta.length).sum::<u64>();
    }
    Ok(())
}

/// How far each planned key rolled over.
#[derive(Default)]
struct RolledOver(HashMap<Key, u32>);

impl RolledOver {
    fn note(&mut self, key: &Key) {
        if let Some((planned, number)) = layout::rolled_over(key) {
            let last = self.0.entry(planned).or_default();
            *last = number.max(*last);
        }
    }

    /// What an upload may be unfinished for: `planned`, its roll-overs, and the one that would have been next.
    fn asked<'a>(&'a self, planned: &'a Key) -> impl Iterator<Item = Key> + 'a {
        let next = (self.0.get(planned).copied().unwrap_or(1) + 1).min(MOST_OBJECTS);
        let roll_overs = (2..=next).map(move |number| planned.with(format!(".{number:04}")));
        iter::once(planned.clone()).chain(roll_overs)
    }
}

/// Asked key by key, since some stores only answer for a whole key.
async fn abort_uploads(cx: &Context, asked: impl Iterator<Item = Key>, ours: &impl Fn(&Key) -> bool) -> Result<u64> {
    let mut aborted = 0;
    for key in asked {
        match abort_under(cx, &key, ours).await {
            Ok(more) => aborted += more,
            Err(error) if matches!(error.kind(), StoreErrorKind::Forbidden | StoreErrorKind::Unsupported) => {
                report(cx, &key, error);
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(aborted)
}

async fn abort_under(cx: &Context, key: &Key, ours: &impl Fn(&Key) -> bool) -> StoreResult<u64> {
    let (mut aborted, mut uploads) = (0, cx.store.uploads(key));
    while let Some(upload) = uploads.try_next().await? {
        if ours(&upload.key) {
            cx.store.abort_upload(&upload).await?;
            aborted += 1;
        }
    }
    Ok(aborted)
}

fn report(cx: &Context, key: &Key, error: StoreError) {
    let severity = match error.kind() {
        StoreErrorKind::Unsupported => Severity::Note,
        _ => Severity::Warning,
    };
    cx.events.emit(Event::Finding(Finding {
        severity,
        subject: key.to_string(),
        message: format!(
            "unfinished uploads are not looked for and may stay: {}",
            crate::Error::from(error).chain()
        ),
        hint: Some(
            "allow listing and aborting multipart uploads, or let a lifecycle rule of the bucket abort them".into(),
        ),
    }));
}

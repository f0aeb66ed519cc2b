//! Deleting what one run wrote, and nothing else.

use super::layout::{self, OwnedKeys};
use crate::{
    Context, Result,
    id::BackupId,
    store::{Key, ListDepth, ListEntry, PROBES, StoreErrorKind, UnfinishedUpload},
};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use jiff::Timestamp;
use std::collections::HashSet;

/// How many keys one request deletes.
const BATCH: usize = 1000;

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

/// Aborts unfinished uploads of `owned` keys of `id`, deletes objects under them, then the evidence about `id`, and `markers` last.
///
/// Keys outside `<id>/…` and `<id>.…`, and keys that are not `owned`, are untouched. Idempotent: after a failure it is simply called again.
/// Memory is one page of keys.
///
/// # Errors
/// Those of the store.
pub async fn run(cx: &Context, id: BackupId, owned: &OwnedKeys, markers: &[Key]) -> Result<Removed> {
    let removed = strays(cx, id, owned, HashSet::new()).await?;
    let mut ignored = Removed::default();
    delete_all(cx, objects(cx, &layout::evidence(id)), &mut ignored).await?;
    delete(cx, markers).await?;
    Ok(removed)
}

/// Aborts unfinished uploads of `owned` keys of `id` and deletes objects under them that are not among `kept`. As [`run`] otherwise.
///
/// # Errors
/// Those of the store.
pub async fn strays(cx: &Context, id: BackupId, owned: &OwnedKeys, kept: HashSet<Key>) -> Result<Removed> {
    let ours = move |key: &Key| layout::belongs_to(id, key) && owned.contains(key);
    let mut removed = Removed {
        uploads: abort_uploads(cx, owned, &ours).await?,
        ..Removed::default()
    };
    let data = objects(cx, &Key::from(id.to_string()))
        .try_filter(move |(key, _)| std::future::ready(ours(key) && !kept.contains(key)))
        .boxed();
    delete_all(cx, data, &mut removed).await?;
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

/// Deletes what runs that died while they tried the store, or wrote a document of ours, left under `_pbe/`, if it is older than `before`: probes, and
/// documents that were never finished (in a folder, where writing takes two steps).
///
/// # Errors
/// Those of the store; that deleting is forbidden is none.
pub async fn debris(cx: &Context, before: Timestamp) -> Result<()> {
    let mut listing = cx.store.list(&Key::from(PROBES), ListDepth::Flat);
    while let Some(entry) = listing.try_next().await? {
        let ListEntry::Object(meta) = entry else { continue };
        if meta.modified >= before {
            continue;
        }
        for result in cx.store.delete(&[meta.key]).await {
            match result {
                Err(error) if error.kind() == StoreErrorKind::Forbidden => return Ok(()),
                other => other?,
            }
        }
    }
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

type Objects<'a> = BoxStream<'a, Result<(Key, u64)>>;

fn objects(cx: &Context, prefix: &Key) -> Objects<'static> {
    let listing = cx.store.list(prefix, ListDepth::Flat).map_err(crate::Error::from);
    let object = |entry| match entry {
        ListEntry::Object(meta) => Some((meta.key, meta.length)),
        ListEntry::Folder(_) => None,
    };
    listing
        .try_filter_map(move |entry| std::future::ready(Ok(object(entry))))
        .boxed()
}

async fn delete_all(cx: &Context, objects: Objects<'_>, removed: &mut Removed) -> Result<()> {
    let mut batches = objects.try_chunks(BATCH);
    while let Some(batch) = batches.try_next().await.map_err(|error| error.1)? {
        let keys: Vec<Key> = batch.iter().map(|(key, _)| key.clone()).collect();
        delete(cx, &keys).await?;
        removed.objects += keys.len() as u64;
        removed.bytes += batch.iter().map(|(_, length)| length).sum::<u64>();
    }
    Ok(())
}

/// Asked key by key, since some stores only answer for a whole key.
async fn abort_uploads(cx: &Context, owned: &OwnedKeys, ours: &impl Fn(&Key) -> bool) -> Result<u64> {
    let mut aborted = 0;
    for planned in owned.planned().filter(|key| ours(key)) {
        let mut uploads = cx.store.uploads(planned);
        loop {
            match uploads.try_next().await {
                Ok(Some(upload)) if ours(&upload.key) => {
                    cx.store.abort_upload(&upload).await?;
                    aborted += 1;
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) if error.kind() == StoreErrorKind::Unsupported => return Ok(aborted),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(aborted)
}

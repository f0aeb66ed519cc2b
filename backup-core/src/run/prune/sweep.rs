//! What is left in `_pbe/` and belongs to nothing any more.

use super::orphan;
use crate::{
    Context, Error, Result,
    catalog::{
        layout::{self, EVIDENCE, PROBES, STARTED},
        list, remove,
    },
    id::BackupId,
    store::{Key, ObjectMeta, StoreErrorKind},
};
use futures::{StreamExt, TryStreamExt, future::ready, stream::BoxStream};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashSet;

/// A probe takes seconds: what is older was left by one that was killed.
const OLD_PROBE: SignedDuration = SignedDuration::from_hours(24);
/// How many keys one request deletes.
const BATCH: usize = 1000;

/// Removes old probes, and evidence about ids that have neither manifest nor marker. Where deleting is not allowed, they stay and do no harm.
///
/// Idempotent. Memory is 16 bytes for each backup, and one page of keys.
pub(super) async fn sweep(cx: &Context, now: Timestamp) -> Result<()> {
    let old = move |meta: &ObjectMeta| now.duration_since(meta.modified) > OLD_PROBE;
    let probes = remove::objects(cx, &Key::from(PROBES)).try_filter(move |meta| ready(old(meta)));
    delete(cx, probes.boxed()).await?;
    for id in judged_for_nothing(cx).await? {
        delete(cx, remove::objects(cx, &layout::evidence(id))).await?;
    }
    Ok(())
}

/// The ids with evidence alone. Evidence is looked for first: it never comes before the manifest that it is about.
async fn judged_for_nothing(cx: &Context) -> Result<Vec<BackupId>> {
    let mut judged = orphan::ids_in(cx, EVIDENCE).await?;
    let mut known: HashSet<BackupId> = orphan::ids_in(cx, STARTED).await?.into_iter().collect();
    known.extend(list::ids(cx).await?);
    judged.retain(|id| !known.contains(id));
    Ok(judged)
}

async fn delete(cx: &Context, objects: BoxStream<'_, Result<ObjectMeta>>) -> Result<()> {
    let mut batches = objects.map_ok(|meta| meta.key).try_chunks(BATCH);
    while let Some(keys) = batches.try_next().await.map_err(|error| error.1)? {
        for result in cx.store.delete(&keys).await {
            match result {
                Err(error) if error.kind() == StoreErrorKind::Forbidden => return Ok(()),
                other => other.map_err(Error::from)?,
            }
        }
    }
    Ok(())
}

mod expiry;
mod faults;
mod history;
mod orphans;
mod spoiled;
mod sweep;
mod uploads;

use super::*;
use crate::{
    Context, ErrorKind, Result,
    catalog::{
        Lease, StartedMarker, document, layout, list, started,
        tests::kit::{Kit, NO_PATIENCE, TARGET, backup, backup_with, begin, holder, manifest, ring, seaweed},
    },
    id::BackupId,
    retention::Reason,
    run::backup::tests::fake::Fake,
    store::Key,
    testing::{FaultyStore, Leniency, LenientStore, MemoryOptions, UploadListing},
};
use std::sync::Arc;

const LAST_1: Policy = Policy {
    keep_days: None,
    keep_last: Some(1),
    keep_hourly: None,
    keep_daily: None,
    keep_weekly: None,
    keep_monthly: None,
};

async fn request(cx: &Context) -> Result<PruneRequest> {
    Ok(PruneRequest {
        repository: Repository::open_or_create(cx, &holder()).await?,
        policy: LAST_1,
        just_made: None,
        holder: holder(),
        patience: Duration::from_secs(100),
    })
}

async fn pruned(cx: &Context) -> Result<PruneReport> {
    prune(cx, &Fake::default(), &request(cx).await?).await
}

/// A run that dies before it commits.
async fn dies(kit: &Kit) -> BackupId {
    let run = begin(&kit.cx, Duration::from_secs(100)).await.unwrap();
    drop(kit.cx.store.upload(&run.claim.keys[1].with(".0002")).await.unwrap());
    run.claim.id
}

/// The started marker of `id`.
fn marker_of(kit: &Kit, id: BackupId) -> Key {
    let folder = layout::markers(id);
    let mut keys = kit.memory.keys().into_iter();
    keys.find(|key| key.strip_prefix(&folder).is_some()).unwrap()
}

/// Every backup that exists has its data. Looks without giving way, so that it sees one moment.
fn whole(kit: &Kit) {
    for id in manifests(kit) {
        let bytes = kit.memory.peek(&layout::manifest(id)).unwrap();
        let manifest = document::decode::<crate::catalog::Manifest>(&bytes, None)
            .unwrap()
            .value;
        for key in manifest.owned_keys() {
            assert!(kit.memory.peek(&key).is_some(), "{key} of {id}");
        }
    }
}

fn manifests(kit: &Kit) -> Vec<BackupId> {
    let keys = kit.memory.keys();
    let ids = keys.iter().filter_map(|key| layout::split_id(key, layout::MANIFESTS));
    ids.map(|(id, _)| id).collect()
}

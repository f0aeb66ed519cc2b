//! Runs that began and never finished.

use crate::{
    Context, Error, ErrorKind, Result,
    catalog::{
        MarkerState, Signed, StartedMarker,
        layout::{self, OwnedKeys},
        lease, list,
        remove::{self, Removed},
        started,
    },
    id::BackupId,
    store::{Key, ListDepth, ListEntry, ObjectMeta},
};
use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashSet;

/// A run without a manifest is left alone for this long, by the store's clock.
pub(super) const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// What is to happen to what a run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is dead: its uploads, data and markers go.
    Remove,
    /// It stays, because of this.
    Keep(String),
}

/// An id that was claimed and has no manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// The id.
    pub id: BackupId,
    /// What is to happen to it.
    pub verdict: Verdict,
}

/// The markers of one id, all of them readable and their authors proved where there is a key.
pub(super) struct Markers(Vec<(ObjectMeta, StartedMarker)>);

impl Markers {
    pub(super) fn keys(&self) -> Vec<Key> {
        self.0.iter().map(|(meta, _)| meta.key.clone()).collect()
    }

    pub(super) fn owned(&self) -> OwnedKeys {
        self.0.iter().flat_map(|(_, marker)| marker.planned()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The ids that were claimed, by a run of `target` among others, and have no manifest. Two listings; memory is 16 bytes for each id there is.
pub(super) async fn find(cx: &Context, target: &str, now: Timestamp, lease: Option<&Key>) -> Result<Vec<Orphan>> {
    // Started ones first: a run that commits between the two listings is then seen as committed.
    let started = started_ids(cx).await?;
    let committed: HashSet<BackupId> = list::ids(cx).await?.into_iter().collect();
    let mut orphans = Vec::new();
    for id in started.into_iter().filter(|id| !committed.contains(id)) {
        let verdict = match read(cx, id).await {
            Ok(markers) if !markers.0.iter().any(|(_, marker)| marker.target == target) => continue,
            Ok(markers) => judge(cx, &markers, now, lease).await?,
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => {
                Verdict::Keep(error.chain())
            }
            Err(error) => return Err(error),
        };
        orphans.push(Orphan { id, verdict });
    }
    Ok(orphans)
}

async fn started_ids(cx: &Context) -> Result<Vec<BackupId>> {
    let mut ids = Vec::new();
    let mut listing = cx.store.list(&Key::from(layout::STARTED), ListDepth::Delimited);
    while let Some(entry) = listing.try_next().await? {
        if let ListEntry::Folder(folder) = entry {
            ids.extend(layout::split_id(&folder, layout::STARTED).map(|(id, _)| id));
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Reads the markers of `id`.
pub(super) async fn read(cx: &Context, id: BackupId) -> Result<Markers> {
    let mut markers = Vec::new();
    for meta in started::list(cx, id).await? {
        let Some(Signed { value, trust }) = started::read(cx, &meta.key).await? else {
            continue;
        };
        if cx.authenticates() && !trust.is_signed() {
            let message = format!("the started marker {} is not signed by a known key", meta.key);
            return Err(Error::new(ErrorKind::Refused, message));
        }
        markers.push((meta, value));
    }
    Ok(Markers(markers))
}

/// Dead is an id of which every claim was given up or is older than a day, and none of whose targets anybody is at work on.
async fn judge(cx: &Context, markers: &Markers, now: Timestamp, lease: Option<&Key>) -> Result<Verdict> {
    let young = |(meta, marker): &&(ObjectMeta, StartedMarker)| {
        marker.state == MarkerState::Started && now.duration_since(meta.modified) < GRACE
    };
    if let Some((_, marker)) = markers.0.iter().find(young) {
        let who = format!("process {} on {}", marker.pid, marker.host.escape_debug());
        return Ok(Verdict::Keep(format!("{who} began it less than a day ago")));
    }
    let targets: HashSet<&str> = markers.0.iter().map(|(_, marker)| marker.target.as_str()).collect();
    for target in targets {
        if lease::live(cx, target, now, lease).await?.is_some() {
            return Ok(Verdict::Keep(format!("{target} is being worked on")));
        }
    }
    Ok(Verdict::Remove)
}

/// Removes what the dead runs of `id` left; `None` if one of them turns out to be alive.
///
/// Condemned first, then looked at once more: a run that commits now either finds itself condemned, or its manifest is found here.
pub(super) async fn remove(cx: &Context, id: BackupId, now: Timestamp, lease: &Key) -> Result<Option<Removed>> {
    let markers = read(cx, id).await?;
    if markers.is_empty() || judge(cx, &markers, now, Some(lease)).await? != Verdict::Remove {
        return Ok(None);
    }
    for (_, marker) in &markers.0 {
        started::condemn(cx, marker).await?;
    }
    if cx.store.head(&layout::manifest(id)).await?.is_some() {
        return Ok(None);
    }
    remove::run(cx, id, &markers.owned(), &markers.keys()).await.map(Some)
}

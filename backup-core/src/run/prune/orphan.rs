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
/// What a run that was given up had sent to the store is carried out by then, or never: longer than a request and its repetitions take.
const SETTLING: SignedDuration = SignedDuration::from_mins(15);

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

/// The markers of one id.
#[derive(Default)]
pub(super) struct Markers {
    /// Those that can be read, and whose authors are proved where there is a key.
    read: Vec<(ObjectMeta, StartedMarker)>,
    /// What is wrong with the others. They claim nothing, and stay.
    pub(super) unreadable: Vec<(Key, Error)>,
}

impl Markers {
    pub(super) fn keys(&self) -> Vec<Key> {
        self.read.iter().map(|(meta, _)| meta.key.clone()).collect()
    }

    pub(super) fn owned(&self) -> OwnedKeys {
        self.read.iter().flat_map(|(_, marker)| marker.planned()).collect()
    }

    /// Whether there are some, all can be read, and all are of `target`.
    pub(super) fn all_of(&self, target: &str) -> bool {
        let ours = self.read.iter().all(|(_, marker)| marker.target == target);
        ours && !self.read.is_empty() && self.unreadable.is_empty()
    }

    /// Whether none can be read.
    pub(super) fn is_empty(&self) -> bool {
        self.read.is_empty()
    }
}

/// The ids that were claimed, by a run of `target` among others, and have no manifest. Two listings; memory is 16 bytes for each id there is.
pub(super) async fn find(cx: &Context, target: &str, now: Timestamp, lease: Option<&Key>) -> Result<Vec<Orphan>> {
    // Started ones first: a run that commits between the two listings is then seen as committed.
    let started = ids_in(cx, layout::STARTED).await?;
    let committed: HashSet<BackupId> = list::ids(cx).await?.into_iter().collect();
    let mut orphans = Vec::new();
    for id in started.into_iter().filter(|id| !committed.contains(id)) {
        let markers = read(cx, id).await?;
        let verdict = match markers.unreadable.first() {
            Some((_, error)) => Verdict::Keep(error.chain()),
            None if !markers.read.iter().any(|(_, marker)| marker.target == target) => continue,
            None => judge(cx, &markers, now, lease).await?,
        };
        orphans.push(Orphan { id, verdict });
    }
    Ok(orphans)
}

/// The ids that have a folder in `folder`, oldest first. Memory is 16 bytes for each.
pub(super) async fn ids_in(cx: &Context, folder: &str) -> Result<Vec<BackupId>> {
    let mut ids = Vec::new();
    let mut listing = cx.store.list(&Key::from(folder), ListDepth::Delimited);
    while let Some(entry) = listing.try_next().await? {
        if let ListEntry::Folder(name) = entry {
            ids.extend(layout::split_id(&name, folder).map(|(id, _)| id));
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Reads the markers of `id`.
pub(super) async fn read(cx: &Context, id: BackupId) -> Result<Markers> {
    let mut markers = Markers::default();
    for meta in started::list(cx, id).await? {
        match read_one(cx, &meta.key).await {
            Ok(Some(marker)) => markers.read.push((meta, marker)),
            Ok(None) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => {
                markers.unreadable.push((meta.key, error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(markers)
}

async fn read_one(cx: &Context, key: &Key) -> Result<Option<StartedMarker>> {
    let Some(Signed { value, trust, .. }) = started::read(cx, key).await? else {
        return Ok(None);
    };
    if cx.authenticates() && !trust.is_signed() {
        let message = format!("the started marker {key} is not signed by a known key");
        return Err(Error::new(ErrorKind::Refused, message));
    }
    Ok(Some(value))
}

/// Dead is an id of which every claim was given up a while ago or is older than a day, and none of whose targets anybody is at work on.
pub(super) async fn judge(cx: &Context, markers: &Markers, now: Timestamp, lease: Option<&Key>) -> Result<Verdict> {
    for (meta, marker) in &markers.read {
        let age = now.duration_since(meta.modified);
        let who = format!("process {} on {}", marker.pid, marker.host.escape_debug());
        match marker.state {
            MarkerState::Started if age < GRACE => {
                return Ok(Verdict::Keep(format!("{who} began it less than a day ago")));
            }
            MarkerState::Condemned if age < SETTLING => {
                return Ok(Verdict::Keep(format!("{who} gave it up less than 15 minutes ago")));
            }
            MarkerState::Started | MarkerState::Condemned => {}
        }
    }
    let targets: HashSet<&str> = markers.read.iter().map(|(_, marker)| marker.target.as_str()).collect();
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
    if markers.is_empty() || !markers.unreadable.is_empty() {
        return Ok(None);
    }
    if judge(cx, &markers, now, Some(lease)).await? != Verdict::Remove {
        return Ok(None);
    }
    for (_, marker) in &markers.read {
        started::condemn(cx, marker).await?;
    }
    if cx.store.head(&layout::manifest(id)).await?.is_some() {
        return Ok(None);
    }
    remove::run(cx, id, &markers.owned(), &markers.keys()).await.map(Some)
}

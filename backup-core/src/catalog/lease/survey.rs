//! Who else is at work.

use super::{
    LIFETIME, LeaseBody, LeaseState, body,
    renew::{self, Deleted},
};
use crate::{
    Context, Error, ErrorKind, Result,
    catalog::{fetch, layout},
    store::{Key, ListDepth, ListEntry, ObjectMeta},
};
use futures::TryStreamExt;
use jiff::Timestamp;

/// Most entries of one target that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// A lease entry as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseEntry {
    /// Its key.
    pub key: Key,
    /// When it was last written, by the store's clock.
    pub modified: Timestamp,
    /// What it says; `None` if that cannot be read.
    pub body: Option<LeaseBody>,
}

impl LeaseEntry {
    /// The error of a run that found this entry live.
    pub(super) fn locked(&self, target: &str) -> Error {
        let who = match &self.body {
            Some(body) => format!(
                "process {} on {} ({})",
                body.pid,
                body.host.escape_debug(),
                body.purpose.escape_debug()
            ),
            None => "someone who wrote an unreadable entry".to_owned(),
        };
        let message = format!("{target} is locked by {who}, last seen {}", self.modified);
        Error::new(ErrorKind::Locked, message).hint(format!(
            "wait for it to finish; if it died, the lock ends after a minute, or break it: backup-admin unlock {target}"
        ))
    }
}

/// All entries of `target`, as listed.
pub(super) async fn listed(cx: &Context, target: &str) -> Result<Vec<ObjectMeta>> {
    let mut found = Vec::new();
    let mut listing = cx.store.list(&layout::lease(target), ListDepth::Flat);
    while let Some(entry) = listing.try_next().await? {
        let ListEntry::Object(meta) = entry else { continue };
        found.push(meta);
        if found.len() > MOST_ENTRIES {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{target} has more than {MOST_ENTRIES} lease entries"),
            ));
        }
    }
    Ok(found)
}

/// Whether what was modified then still counts now, both by the store's clock. What seems to come from the future does.
pub(super) fn fresh(modified: Timestamp, now: Timestamp) -> bool {
    now.duration_since(modified) <= LIFETIME
}

/// A live entry of `target` at the store's time `now`, apart from `own`; `None` if nobody is at work.
///
/// # Errors
/// Those of the store.
pub async fn live(cx: &Context, target: &str, now: Timestamp, own: Option<&Key>) -> Result<Option<LeaseEntry>> {
    first_live(cx, &listed(cx, target).await?, now, own).await
}

/// Removes the entries of `target` that are expired at the store's time `now`, where deleting is allowed; where not, they do no harm.
///
/// What was removed is lost to its holder, if it lives after all and tries to renew.
///
/// # Errors
/// Those of the store.
pub async fn sweep(cx: &Context, target: &str, now: Timestamp) -> Result<()> {
    let current = layout::lease(target).with("current");
    let listed = listed(cx, target).await?;
    for meta in listed
        .iter()
        .filter(|meta| meta.key != current && !fresh(meta.modified, now))
    {
        if renew::delete(cx, &meta.key).await? == Deleted::Forbidden {
            break;
        }
    }
    Ok(())
}

pub(super) async fn first_live(
    cx: &Context,
    listed: &[ObjectMeta],
    now: Timestamp,
    own: Option<&Key>,
) -> Result<Option<LeaseEntry>> {
    for meta in listed
        .iter()
        .filter(|meta| Some(&meta.key) != own && fresh(meta.modified, now))
    {
        if let Some(entry) = read(cx, &meta.key)
            .await?
            .filter(|entry| is_held(entry) && fresh(entry.modified, now))
        {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

pub(super) async fn read(cx: &Context, key: &Key) -> Result<Option<LeaseEntry>> {
    let read = fetch(cx.store.as_ref(), key, body::LIMIT).await?;
    Ok(read.map(|(bytes, meta)| LeaseEntry {
        key: meta.key,
        modified: meta.modified,
        body: LeaseBody::decode(&bytes),
    }))
}

fn is_held(entry: &LeaseEntry) -> bool {
    entry.body.as_ref().is_none_or(|body| body.state == LeaseState::Held)
}

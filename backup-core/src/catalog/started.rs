//! Started markers: a run says what it may write before it writes.

use super::{
    Holder,
    document::{self, Document, Format, Kind, Signed},
    layout,
};
use crate::{
    Context, Error, ErrorKind, Result,
    id::{BackupId, Nonce},
    store::{Key, ListDepth, ListEntry, ObjectMeta, PutMode},
};
use futures::TryStreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Most markers of one id that are looked at: each stands for one of several runs that began in the same second.
const MOST_MARKERS: usize = 1000;

/// Whether the run may still commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkerState {
    /// It may.
    Started,
    /// It may not: `prune` takes it for dead, or it gave the id up.
    Condemned,
}

/// The started marker of one run. See `docs/FORMAT.md`, section 3, for the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/FORMAT.md is the authority on the fields")]
pub struct StartedMarker {
    pub format: Format,
    pub id: BackupId,
    pub target: String,
    pub nonce: Nonce,
    pub state: MarkerState,
    pub host: String,
    pub pid: u32,
    pub started: Timestamp,
    pub keys: Vec<String>,
}

impl Document for StartedMarker {
    const KIND: Kind = Kind::Started;
}

impl StartedMarker {
    pub(super) fn new(
        cx: &Context,
        (target, holder): (&str, &Holder),
        (id, nonce): (BackupId, Nonce),
        keys: Vec<String>,
    ) -> Self {
        Self {
            format: Format,
            id,
            target: target.to_owned(),
            nonce,
            state: MarkerState::Started,
            host: holder.host.clone(),
            pid: holder.pid,
            started: cx.clock.now(),
            keys,
        }
    }

    /// Where this marker stands.
    #[must_use]
    pub fn key(&self) -> Key {
        layout::marker(self.id, self.nonce)
    }

    /// The planned keys.
    pub fn planned(&self) -> impl Iterator<Item = Key> {
        self.keys.iter().map(|key| Key::from(key.as_str()))
    }

    fn check(&self, key: &Key) -> Result<()> {
        let wrong = |what: String| {
            Err(Error::new(
                ErrorKind::Damaged,
                format!("the started marker {key} {what}"),
            ))
        };
        if self.key() != *key {
            return wrong(format!("is that of {} by {}", self.id, self.nonce));
        }
        match self.planned().find(|planned| !layout::belongs_to(self.id, planned)) {
            Some(planned) => wrong(format!("claims {planned}, which is not its own")),
            None => Ok(()),
        }
    }
}

/// Writes a marker over whatever is under its key. Atomic, idempotent.
///
/// # Errors
/// Those of the store, and [`ErrorKind::Internal`] if it plans so many keys that the marker is too long.
pub async fn write(cx: &Context, marker: &StartedMarker) -> Result<()> {
    let bytes = document::encode(marker, cx.keyring.as_deref())?;
    cx.store.put(&marker.key(), bytes, PutMode::Overwrite).await?;
    Ok(())
}

/// Writes over `marker` that its run may no longer commit. Atomic, idempotent.
///
/// # Errors
/// Those of the store.
pub async fn condemn(cx: &Context, marker: &StartedMarker) -> Result<()> {
    let condemned = StartedMarker {
        state: MarkerState::Condemned,
        ..marker.clone()
    };
    write(cx, &condemned).await
}

/// Reads the marker under `key`; `None` if there is none.
///
/// # Errors
/// [`ErrorKind::Damaged`] if it is not a good marker for this key.
pub async fn read(cx: &Context, key: &Key) -> Result<Option<Signed<StartedMarker>>> {
    let marker = document::read::<StartedMarker>(cx.store.as_ref(), key, cx.keyring.as_deref()).await?;
    if let Some(marker) = &marker {
        marker.value.check(key)?;
    }
    Ok(marker)
}

/// What stands in the folder of markers of `id`, in no order.
///
/// # Errors
/// Those of the store; [`ErrorKind::Damaged`] if there are more than a thousand.
pub async fn list(cx: &Context, id: BackupId) -> Result<Vec<ObjectMeta>> {
    let mut found = Vec::new();
    let mut listing = cx.store.list(&layout::markers(id), ListDepth::Flat);
    while let Some(entry) = listing.try_next().await? {
        let ListEntry::Object(meta) = entry else { continue };
        found.push(meta);
        if found.len() > MOST_MARKERS {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{id} has more than {MOST_MARKERS} started markers"),
            ));
        }
    }
    Ok(found)
}

//! Claiming an id: no two runs ever share one, on any store.

use super::{Holder, Repository, StartedMarker, clocks, layout, list, remove, started};
use crate::{
    Context, Error, ErrorKind, Result,
    event::{Finding, Severity},
    id::{BackupId, Nonce},
    retry::jitter,
    store::{Key, ListDepth, StoreErrorKind},
};
use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use std::{collections::HashSet, time::Duration};

/// How many seconds are tried.
const MOST_TRIES: usize = 60;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How far an id may be ahead of the clock without a word.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// An id that this run, and no other, may write under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The id of the backup to be.
    pub id: BackupId,
    /// The name of the run.
    pub nonce: Nonce,
    /// The keys that it said it would write, without roll-overs.
    pub keys: Vec<Key>,
    started: StartedMarker,
}

impl Claim {
    /// The key of the started marker.
    #[must_use]
    pub fn marker(&self) -> Key {
        self.started.key()
    }

    /// What is to be said if the id is ahead of this machine's clock.
    pub(crate) fn ahead(&self, now: Timestamp) -> Option<Finding> {
        let ahead = self.id.timestamp().duration_since(now);
        (ahead > SLACK).then(|| Finding {
            severity: Severity::Warning,
            subject: "clock".to_owned(),
            message: format!(
                "this backup is named {}, {} seconds ahead of the clock here: the newest one in the store is named so, and the later state must have the later name",
                self.id,
                ahead.as_secs()
            ),
            hint: Some("look at the clocks of all machines that back up to this store".to_owned()),
        })
    }

    /// Aborts the run's uploads and deletes what it wrote, apart from `kept`. Only while nothing is being written. Idempotent.
    ///
    /// # Errors
    /// Those of the store. What is left stays until the backup is deleted.
    pub async fn tidy(&self, cx: &Context, kept: HashSet<Key>) -> Result<()> {
        remove::strays(cx, self.id, &self.keys.iter().cloned().collect(), kept)
            .await
            .map(drop)
    }

    /// Takes back a run that failed before its manifest was committed: condemns its marker, then deletes what it wrote and aborts its uploads.
    ///
    /// The condemned marker stays: a request that was under way when the run stopped may still be carried out, and what it leaves has an owner
    /// then. The next `prune` removes both. Not after a failed [`super::commit()`], whose manifest may exist after all: that is left to `prune`.
    /// Idempotent.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if there is a manifest; those of the store. What is left is found by `prune`.
    pub async fn abandon(&self, cx: &Context) -> Result<()> {
        if cx.store.head(&layout::manifest(self.id)).await?.is_some() {
            let message = format!("backup {} exists and is not abandoned", self.id);
            return Err(Error::new(ErrorKind::Refused, message));
        }
        started::condemn(cx, &self.started).await?;
        remove::run(cx, self.id, &self.keys.iter().cloned().collect(), &[])
            .await
            .map(drop)
    }
}

/// The backups that a run continues: those of one target and one lineage.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// The repository that they are in.
    pub repository: &'a Repository,
    /// Their target.
    pub target: &'a str,
    /// Their lineage.
    pub lineage: &'a str,
}

/// Claims the id of this second, or of the next one that is free, for a run that will write the keys that `plan` names for it. No backup of its series
/// that a known key vouches for has a later one: the higher id is taken for the newer state, by `latest` and by the keep rules. What proves nothing moves nothing.
///
/// A marker is written first and the folder listed then: of two who claim one id, one at least sees the other and moves on after a random
/// pause, so that they part. Cancel-safe: a marker left behind is removed by `prune`. Memory is 16 bytes for each backup.
///
/// # Errors
/// [`ErrorKind::Refused`] if the clock here is a day or more away from the store's, or from the newest backup of the series: either is wrong, and what it names
/// would stand in the way of all that comes later. [`ErrorKind::Locked`] if a minute's worth of ids is taken; [`ErrorKind::Internal`] if `plan` names a key outside the id, or two that one
/// object could have; those of the store.
pub async fn claim<P>(cx: &Context, series: Series<'_>, holder: &Holder, plan: P) -> Result<Claim>
where
    P: Fn(BackupId) -> Vec<Key>,
{
    let target = series.target;
    layout::check_target(target)?;
    let nonce = Nonce::random(cx.entropy.as_ref())?;
    let (mut second, mut longest) = (first(cx, series).await?, Duration::from_millis(100));
    for _ in 0..MOST_TRIES {
        let id = BackupId::at(second);
        let keys = plan(id);
        let marker = StartedMarker::new(cx, (target, holder), (id, nonce), texts(id, &keys)?);
        started::write(cx, &marker).await?;
        match is_mine(cx, id, &marker.key()).await {
            Ok(false) => withdraw(cx, marker).await?,
            Ok(true) => {
                return Ok(Claim {
                    id,
                    nonce,
                    keys,
                    started: marker,
                });
            }
            Err(error) if error.kind() == ErrorKind::Refused => {
                withdraw(cx, marker).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(jitter(cx.entropy.as_ref(), longest)?).await;
        longest = (longest * 2).min(LONGEST_PAUSE);
        let next = second.saturating_add(SignedDuration::from_secs(1)).unwrap_or(second);
        second = cx.clock.now().max(next);
    }
    Err(Error::new(
        ErrorKind::Locked,
        format!("no free id was found for {target} in {MOST_TRIES} tries"),
    )
    .hint("is this machine's clock right? ids are seconds, and those around now are taken"))
}

/// The second that is tried first: this one, or that after the newest backup of the series.
async fn first(cx: &Context, series: Series<'_>) -> Result<Timestamp> {
    let now = cx.clock.now();
    let Some(newest) = list::newest_after(cx, series, now).await? else {
        return Ok(now);
    };
    clocks::demand_near(now, newest, series.target)?;
    let after = newest.timestamp().checked_add(SignedDuration::from_secs(1));
    Ok(after.unwrap_or(now))
}

/// The planned keys as text: keys of the id, of which no object could have two.
fn texts(id: BackupId, keys: &[Key]) -> Result<Vec<String>> {
    let wrong = |what: String| Error::new(ErrorKind::Internal, what);
    let text = |key: &Key| {
        let own = layout::belongs_to(id, key);
        key.as_str()
            .filter(|_| own)
            .map(str::to_owned)
            .ok_or_else(|| wrong(format!("{key} is no key for the data of {id}")))
    };
    let texts: Vec<String> = keys.iter().map(text).collect::<Result<_>>()?;
    let distinct: HashSet<&Key> = keys.iter().collect();
    let rolls_over = |key: &&Key| layout::rolled_over(key).is_some_and(|(planned, _)| distinct.contains(&planned));
    match keys.iter().find(rolls_over) {
        Some(key) => Err(wrong(format!("{key} is where another artifact of {id} may go on"))),
        None if distinct.len() != keys.len() => Err(wrong(format!("two artifacts of {id} have one key"))),
        None => Ok(texts),
    }
}

/// Whether our marker is the only one, and nothing was ever stored under the id. `Refused` if the clocks do not agree on when it was written.
async fn is_mine(cx: &Context, id: BackupId, own: &Key) -> Result<bool> {
    let markers = started::list(cx, id).await?;
    if let Some(written) = markers.iter().find(|marker| marker.key == *own) {
        clocks::demand_agreement(cx.clock.now(), written.modified)?;
    }
    if markers.len() != 1 || markers[0].key != *own {
        return Ok(false);
    }
    if cx.store.head(&layout::manifest(id)).await?.is_some() {
        return Ok(false);
    }
    let mut data = cx.store.list(&Key::from(id.to_string()), ListDepth::Flat);
    Ok(data.try_next().await?.is_none())
}

async fn withdraw(cx: &Context, marker: StartedMarker) -> Result<()> {
    let key = marker.key();
    for result in cx.store.delete(std::slice::from_ref(&key)).await {
        match result {
            Err(error) if error.kind() == StoreErrorKind::Forbidden => started::condemn(cx, &marker).await?,
            other => other?,
        }
    }
    Ok(())
}

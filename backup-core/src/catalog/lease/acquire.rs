//! Taking a lease.

use super::{
    LeaseBody, LeaseEntry,
    renew::{self, Held},
    survey,
};
use crate::{
    Context, Error, ErrorKind, Result,
    catalog::layout,
    retry::jitter,
    store::{ETag, Key, PutMode, StoreErrorKind},
};
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

enum Attempt {
    Held(Held),
    Taken(LeaseEntry),
}

pub(super) async fn acquire(cx: &Context, body: LeaseBody, patience: Duration) -> Result<Held> {
    let deadline = Instant::now() + patience;
    let mut longest = Duration::from_millis(250);
    loop {
        let taken = match attempt(cx, &body).await? {
            Attempt::Held(held) => return Ok(held),
            Attempt::Taken(by) => by,
        };
        if Instant::now() >= deadline {
            return Err(taken.locked(&body.target));
        }
        let pause = jitter(cx.entropy.as_ref(), longest)?;
        tokio::select! {
            () = tokio::time::sleep_until((Instant::now() + pause).min(deadline)) => {}
            () = cx.cancel.cancelled() => {
                return Err(Error::cancelled(format_args!("take the lease of {}", body.target)));
            }
        }
        longest = (longest * 2).min(LONGEST_PAUSE);
    }
}

async fn attempt(cx: &Context, body: &LeaseBody) -> Result<Attempt> {
    let sent = Instant::now();
    let conditional = cx.features.conditional_create && cx.features.conditional_match;
    let folder = layout::lease(&body.target);
    let mut held = Held {
        cx: cx.clone(),
        key: folder.with(if conditional {
            "current".to_owned()
        } else {
            body.nonce.to_string()
        }),
        body: body.clone(),
        conditional,
        modified: Timestamp::UNIX_EPOCH,
        renewed: sent,
    };
    if conditional {
        if let Some(other) = take_current(&held).await? {
            return Ok(Attempt::Taken(other));
        }
    } else {
        cx.store.put(&held.key, body.encode()?, PutMode::Overwrite).await?;
    }
    confirm(&mut held).await.map(|other| match other {
        Some(other) => Attempt::Taken(other),
        None => Attempt::Held(held),
    })
}

/// Lists after writing: of any two who write before they list, one at least sees the other. That holds between writers by condition and
/// writers without it too. A live other makes us give up.
async fn confirm(held: &mut Held) -> Result<Option<LeaseEntry>> {
    let listed = survey::listed(&held.cx, &held.body.target).await?;
    let Some(own) = listed.iter().find(|meta| meta.key == held.key) else {
        let message = format!("the lease of {} vanished as soon as it was taken", held.body.target);
        return Err(
            Error::new(ErrorKind::Locked, message).hint("someone broke it with `backup-admin unlock`; run again")
        );
    };
    held.modified = own.modified;
    let other = survey::first_live(&held.cx, &listed, held.modified, Some(&held.key)).await?;
    match &other {
        Some(_) => held.withdraw().await?,
        None => survey::sweep(&held.cx, &held.body.target, held.modified).await?,
    }
    Ok(other)
}

/// Puts our entry under `current`, if there is none, or a dead one. `Some` is the live one that is there.
async fn take_current(held: &Held) -> Result<Option<LeaseEntry>> {
    if put_current(held, PutMode::Create).await? {
        return Ok(None);
    }
    let now = store_now(held).await?;
    let Some(there) = held.cx.store.head(&held.key).await? else {
        return Ok(Some(unknown(&held.key, now)));
    };
    if let Some(live) = survey::first_live(&held.cx, std::slice::from_ref(&there), now, None).await? {
        return Ok(Some(live));
    }
    let tag = there.etag.unwrap_or(ETag(String::new()));
    let taken = put_current(held, PutMode::Match(tag)).await?;
    Ok((!taken).then(|| unknown(&held.key, now)))
}

/// Puts our entry and says whether it stands: after a lost answer the second try conflicts with the first, so what is there decides.
async fn put_current(held: &Held, mode: PutMode) -> Result<bool> {
    match held.cx.store.put(&held.key, held.body.encode()?, mode).await {
        Err(error) if error.kind() != StoreErrorKind::Conflict => Err(error.into()),
        _ => Ok(held.mine().await?.is_some()),
    }
}

/// The store's time, as the time of modification of something just written: an entry that says that it is released.
async fn store_now(held: &Held) -> Result<Timestamp> {
    let key = layout::lease(&held.body.target).with(held.body.nonce.to_string());
    let store = &held.cx.store;
    store
        .put(&key, held.body.released().encode()?, PutMode::Overwrite)
        .await?;
    let meta = store.head(&key).await?;
    renew::delete(&held.cx, &key).await?;
    let meta = meta.ok_or_else(|| Error::new(ErrorKind::StoreFailed, format!("{key} was written and is not there")))?;
    Ok(meta.modified)
}

/// Someone was faster, and is not there to be named.
fn unknown(key: &Key, now: Timestamp) -> LeaseEntry {
    LeaseEntry {
        key: key.clone(),
        modified: now,
        body: None,
    }
}

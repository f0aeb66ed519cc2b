//! A held lease: renewing it and giving it back.

use super::{LIFETIME, LeaseBody, body};
use crate::{
    Context, Result,
    catalog::fetch,
    store::{Key, ObjectMeta, PutMode, StoreErrorKind},
};
use jiff::Timestamp;
use tokio::time::Instant;

/// The entry that this process holds.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) cx: Context,
    pub(super) key: Key,
    pub(super) body: LeaseBody,
    /// Whether it is only ever replaced by conditional put.
    pub(super) conditional: bool,
    /// When it was last written, by the store's clock.
    pub(super) modified: Timestamp,
    /// When the last write that succeeded was sent.
    pub(super) renewed: Instant,
}

/// What became of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    /// It is held for another minute.
    Done,
    /// Somebody else has it, or it expired, or was unlocked.
    Lost,
}

impl Held {
    /// Renews. Found lost too if the store saw more than a minute between two writes: this machine may have slept, and others were free to take it.
    pub(super) async fn renew(&mut self) -> Result<Renewal> {
        let sent = Instant::now();
        let Some(before) = self.mine().await? else {
            return Ok(Renewal::Lost);
        };
        self.write(&self.body, before).await?;
        let Some(after) = self.mine().await? else {
            return Ok(Renewal::Lost);
        };
        if after.modified.duration_since(self.modified) > LIFETIME {
            return Ok(Renewal::Lost);
        }
        (self.modified, self.renewed) = (after.modified, sent);
        Ok(Renewal::Done)
    }

    /// Gives the entry back: removes it, or says that it is released where nothing may be deleted or only replaced by condition.
    pub(super) async fn withdraw(&self) -> Result<()> {
        if !self.conditional && delete(&self.cx, &self.key).await? == Deleted::Yes {
            return Ok(());
        }
        match self.mine().await? {
            Some(mine) => self.write(&self.body.released(), mine).await,
            None => Ok(()),
        }
    }

    /// Replaces `before`. A conflict is no failure: it may be about our own write whose answer was lost, and what is there is read afterwards.
    async fn write(&self, body: &LeaseBody, before: ObjectMeta) -> Result<()> {
        let mode = match before.etag {
            Some(tag) if self.conditional => PutMode::Match(tag),
            _ => PutMode::Overwrite,
        };
        match self.cx.store.put(&self.key, body.encode()?, mode).await {
            Err(error) if error.kind() != StoreErrorKind::Conflict => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Facts of the entry, if it still is ours.
    pub(super) async fn mine(&self) -> Result<Option<ObjectMeta>> {
        let read = fetch(self.cx.store.as_ref(), &self.key, body::LIMIT).await?;
        let mine = |bytes: &[u8]| LeaseBody::decode(bytes).is_some_and(|body| body == self.body);
        Ok(read.filter(|(bytes, _)| mine(bytes)).map(|(_, meta)| meta))
    }
}

/// Whether an entry could be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deleted {
    Yes,
    Forbidden,
}

pub(super) async fn delete(cx: &Context, key: &Key) -> Result<Deleted> {
    for result in cx.store.delete(std::slice::from_ref(key)).await {
        match result {
            Err(error) if error.kind() == StoreErrorKind::Forbidden => return Ok(Deleted::Forbidden),
            other => other?,
        }
    }
    Ok(Deleted::Yes)
}

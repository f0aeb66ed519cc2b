//! A body that goes on where it broke.

use super::{Retrying, stalled};
use crate::{
    patience::Patience,
    retry::Attempts,
    store::{Download, ObjectMeta, Store, StoreError, StoreErrorKind, StoreResult},
};
use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use std::ops::Range;

struct Body<S: ?Sized> {
    store: Retrying<S>,
    meta: ObjectMeta,
    /// What is still to come.
    left: Range<u64>,
    now: BoxStream<'static, StoreResult<Bytes>>,
    attempts: Attempts,
    patience: Patience,
}

/// `download`, whose body is read on from where it broke. Only the same version is: else the error is `Changed`.
pub(super) fn resuming<S: Store + ?Sized>(
    store: Retrying<S>,
    range: Option<Range<u64>>,
    download: Download,
) -> Download {
    let length = download.meta.length;
    let range = range.unwrap_or(0..length);
    let attempts = store.retrier.attempts();
    let body = Body {
        patience: Patience::new(store.retrier.policy().deadline),
        store,
        meta: download.meta.clone(),
        left: range.start.min(length)..range.end.min(length),
        now: download.body,
        attempts,
    };
    let body = stream::try_unfold(body, |mut body| async move {
        let chunk = body.next().await?;
        Ok(chunk.map(|chunk| (chunk, body)))
    });
    Download {
        meta: download.meta,
        body: body.boxed(),
    }
}

impl<S: Store + ?Sized> Body<S> {
    async fn next(&mut self) -> StoreResult<Option<Bytes>> {
        // Time that the reader took is not the store's: a restore may wait for a lock for longer than the deadline.
        self.attempts.progress();
        loop {
            let error = match self.chunk().await {
                Ok(Some(chunk)) => {
                    self.left.start += chunk.len() as u64;
                    self.attempts.progress();
                    return Ok(Some(chunk));
                }
                Ok(None) => return Ok(None),
                Err(error) => error,
            };
            self.go_on(error).await?;
        }
    }

    async fn chunk(&mut self) -> StoreResult<Option<Bytes>> {
        match self.patience.within(self.now.next()).await {
            Some(Some(chunk)) => chunk.map(Some),
            Some(None) if self.left.is_empty() => Ok(None),
            Some(None) => Err(
                StoreError::new(StoreErrorKind::Interrupted, "get", &self.meta.key).because(format!(
                    "the body ended {} bytes early",
                    self.left.end - self.left.start
                )),
            ),
            None => Err(stalled("get", &self.meta.key)().exhausted()),
        }
    }

    /// Opens the rest, as often as the policy allows.
    async fn go_on(&mut self, error: StoreError) -> StoreResult<()> {
        let Some(pin) = self.meta.etag.clone() else {
            // Nothing tells whether what is there now is what was there before.
            return Err(error.exhausted());
        };
        let mut error = error;
        loop {
            self.attempts.pause(error).await?;
            let opened = self
                .store
                .inner
                .get(&self.meta.key, Some(self.left.clone()), Some(&pin));
            let deadline = self.store.retrier.policy().deadline;
            error = match tokio::time::timeout(deadline, opened).await {
                Ok(Ok(Some(rest))) if rest.meta.length == self.meta.length => {
                    self.now = rest.body;
                    return Ok(());
                }
                Ok(Ok(_)) => return Err(StoreError::new(StoreErrorKind::Changed, "get", &self.meta.key)),
                Ok(Err(error)) => error,
                Err(_) => return Err(stalled("get", &self.meta.key)().exhausted()),
            };
        }
    }
}

//! The retry layer: a [`Store`] over any other that tries again what may go away.

mod alive;
mod body;
mod listing;
mod upload;

use super::{
    Download, ETag, Key, ListDepth, ListEntry, ListOrder, Location, ObjectMeta, PutMode, PutReceipt, Retry, Store,
    StoreError, StoreErrorKind, StoreResult, UnfinishedUpload, Upload, adapter::transfer_allowance,
};
use crate::retry::{Retrier, Retryable};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use std::{fmt, ops::Range, sync::Arc, time::Duration};

/// What a slow disk takes to delete one object.
const DELETION: Duration = Duration::from_millis(100);

impl Retryable for StoreError {
    fn retry(&self) -> Retry {
        StoreError::retry(self)
    }

    fn exhausted(self) -> Self {
        StoreError::exhausted(self)
    }
}

/// A store that tries again, until its policy's deadline, what failed with [`Retry::Maybe`].
///
/// A lost answer to a write never shows: a conditional put that conflicts with its own first try is recognised by its bytes (so they must be
/// unique: every such body carries a nonce), a completed upload by what is under its key afterwards. A body goes on where it broke, pinned to the
/// version it began with. A listing goes on with the page that failed.
pub struct Retrying<S: ?Sized> {
    inner: Arc<S>,
    retrier: Retrier,
}

impl<S: Store + ?Sized> Retrying<S> {
    /// Wraps `inner`, which must not try again by itself.
    #[must_use]
    pub fn new(inner: Arc<S>, retrier: Retrier) -> Self {
        Self { inner, retrier }
    }

    async fn put_once(&self, key: &Key, body: &Bytes, mode: &PutMode, before: u32) -> StoreResult<PutReceipt> {
        match self.inner.put(key, body.clone(), mode.clone()).await {
            Err(conflict) if conflict.kind() == StoreErrorKind::Conflict && before > 0 => {
                self.own_write(key, body, conflict).await
            }
            result => result,
        }
    }

    /// After a lost answer, a conflict may be with our own first try.
    async fn own_write(&self, key: &Key, body: &Bytes, conflict: StoreError) -> StoreResult<PutReceipt> {
        let Some(mut there) = self.inner.get(key, None, None).await? else {
            return Err(conflict);
        };
        if there.meta.length != body.len() as u64 {
            return Err(conflict);
        }
        let mut rest = body.as_ref();
        while let Some(chunk) = there.body.next().await {
            let Some(behind) = rest.strip_prefix(chunk?.as_ref()) else {
                return Err(conflict);
            };
            rest = behind;
        }
        if rest.is_empty() {
            Ok(receipt(there.meta))
        } else {
            Err(conflict)
        }
    }
}

fn receipt(meta: ObjectMeta) -> PutReceipt {
    PutReceipt {
        etag: meta.etag,
        version: None,
        encryption: meta.encryption,
    }
}

/// The error of an attempt that never ended.
fn stalled<'a>(operation: &'static str, key: &'a Key) -> impl FnOnce() -> StoreError + 'a {
    move || StoreError::new(StoreErrorKind::Unreachable, operation, key).because("no answer before the deadline")
}

impl<S: ?Sized> Clone for Retrying<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            retrier: self.retrier.clone(),
        }
    }
}

impl<S: fmt::Debug + ?Sized> fmt::Debug for Retrying<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Retrying({:?})", &self.inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Store for Retrying<S> {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn order(&self) -> ListOrder {
        self.inner.order()
    }

    async fn put(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt> {
        let allowance = transfer_allowance(body.len());
        let (body, mode) = (&body, &mode);
        self.retrier
            .run(allowance, stalled("put", key), |before| {
                self.while_alive("put", key, self.put_once(key, body, mode, before))
            })
            .await
    }

    async fn upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>> {
        let begun = self
            .retrier
            .run(Duration::ZERO, stalled("begin upload", key), |_| self.inner.upload(key))
            .await?;
        Ok(Box::new(upload::RetryingUpload::new(self.clone(), key.clone(), begun)))
    }

    async fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        let wanted = &range;
        let opened = self
            .retrier
            .run(Duration::ZERO, stalled("get", key), |_| {
                self.inner.get(key, wanted.clone(), pin)
            })
            .await?;
        Ok(opened.map(|download| body::resuming(self.clone(), range, download)))
    }

    async fn head(&self, key: &Key) -> StoreResult<Option<ObjectMeta>> {
        self.retrier
            .run(Duration::ZERO, stalled("head", key), |_| self.inner.head(key))
            .await
    }

    fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        listing::resuming(self.retrier.clone(), prefix.clone(), self.inner.list(prefix, depth))
    }

    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        listing::resuming(self.retrier.clone(), prefix.clone(), self.inner.uploads(prefix))
    }

    async fn abort_upload(&self, upload: &UnfinishedUpload) -> StoreResult<()> {
        self.retrier
            .run(Duration::ZERO, stalled("abort upload", &upload.key), |_| {
                self.inner.abort_upload(upload)
            })
            .await
    }

    async fn delete(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        let mut results: Vec<StoreResult<()>> = self.delete_some(keys).await;
        let mut attempts = self.retrier.attempts();
        loop {
            let failed = |result: &StoreResult<()>| result.as_ref().is_err_and(|error| error.retry() == Retry::Maybe);
            let Some(first) = results.iter().position(failed) else {
                return results;
            };
            let error = std::mem::replace(&mut results[first], Ok(()));
            let paused = match error {
                Err(error) => attempts.pause(error).await,
                Ok(()) => continue,
            };
            let again: Vec<usize> = (0..results.len())
                .filter(|&i| i == first || failed(&results[i]))
                .collect();
            if let Err(error) = paused {
                results[first] = Err(error);
                return results.into_iter().map(|result| result.map_err(give_up)).collect();
            }
            let retried: Vec<Key> = again.iter().map(|&i| keys[i].clone()).collect();
            for (i, result) in again.into_iter().zip(self.delete_some(&retried).await) {
                results[i] = result;
            }
        }
    }

    async fn copy(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>> {
        // As long as a completion: the store moves the bytes.
        self.retrier
            .run(upload::COMPLETION, stalled("copy", to), |_| {
                self.while_alive("copy", to, self.inner.copy(from, to))
            })
            .await
    }
}

impl<S: Store + ?Sized> Retrying<S> {
    async fn delete_some(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        // A folder deletes one by one, and waits for the disk each time.
        let allowance = DELETION * u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let deadline = self.retrier.policy().deadline.saturating_add(allowance);
        let first = keys.first().cloned().unwrap_or_else(Key::root);
        let deleting = async { Ok(self.inner.delete(keys).await) };
        match tokio::time::timeout(deadline, self.while_alive("delete", &first, deleting)).await {
            Ok(Ok(results)) => results,
            Ok(Err(_)) | Err(_) => keys
                .iter()
                .map(|key| Err(stalled("delete", key)().exhausted()))
                .collect(),
        }
    }
}

fn give_up(error: StoreError) -> StoreError {
    if error.retry() == Retry::Maybe {
        error.exhausted()
    } else {
        error
    }
}

#[cfg(test)]
mod tests;

//! Multipart uploads, tried again.

use super::{Retrying, receipt, stalled};
use crate::store::{
    Key, ObjectMeta, PutReceipt, Retry, Store, StoreError, StoreResult, Upload, adapter::transfer_allowance,
};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{sync::Mutex, time::timeout};

/// Stores take their time to put the parts of a large upload together, or to copy.
pub(super) const COMPLETION: Duration = Duration::from_secs(300);
/// For the question whether a completion that was given up took place after all.
const LAST_LOOK: Duration = Duration::from_secs(10);

pub(super) struct RetryingUpload<S: ?Sized> {
    store: Retrying<S>,
    key: Key,
    id: String,
    inner: Arc<Mutex<Box<dyn Upload>>>,
    lengths: Arc<std::sync::Mutex<BTreeMap<usize, u64>>>,
}

impl<S: Store + ?Sized> RetryingUpload<S> {
    pub(super) fn new(store: Retrying<S>, key: Key, inner: Box<dyn Upload>) -> Self {
        Self {
            store,
            key,
            id: inner.id().to_owned(),
            inner: Arc::new(Mutex::new(inner)),
            lengths: Arc::default(),
        }
    }

    async fn complete_parts(&self) -> StoreResult<PutReceipt> {
        let before = self.store.head(&self.key).await?;
        let before = before.as_ref();
        let completed = self
            .store
            .retrier
            .run(COMPLETION, stalled("complete upload", &self.key), |failures| {
                self.store
                    .while_alive("complete upload", &self.key, self.complete_once(before, failures))
            })
            .await;
        match completed {
            Err(given_up) if given_up.retry() == Retry::Exhausted => self.last_look(before, given_up).await,
            other => other,
        }
    }

    /// Whoever gives up a completion takes the object for missing, and deletes it.
    async fn last_look(&self, before: Option<&ObjectMeta>, given_up: StoreError) -> StoreResult<PutReceipt> {
        match timeout(LAST_LOOK, self.completed(before)).await {
            Ok(Ok(Some(receipt))) => Ok(receipt),
            _ => Err(given_up),
        }
    }

    async fn complete_once(&self, before: Option<&ObjectMeta>, failures: u32) -> StoreResult<PutReceipt> {
        if failures > 0
            && let Some(receipt) = self.completed(before).await?
        {
            return Ok(receipt);
        }
        match self.inner.lock().await.complete().await {
            // A lost answer, and an object that became visible since we looked.
            Err(gone) if failures > 0 && gone.retry() == Retry::Never => self.completed(before).await?.ok_or(gone),
            result => result,
        }
    }

    /// What is under the key now, if it is new and as long as the parts together.
    async fn completed(&self, before: Option<&ObjectMeta>) -> StoreResult<Option<PutReceipt>> {
        let now = self.store.inner.head(&self.key).await?;
        let length = self
            .lengths
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .sum::<u64>();
        let is_new = |now: &ObjectMeta| {
            before.is_none_or(|before| before.etag != now.etag || before.modified != now.modified)
                && now.length == length
        };
        Ok(now.filter(is_new).map(receipt))
    }
}

impl<S: Store + ?Sized> fmt::Debug for RetryingUpload<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RetryingUpload({}, {})", self.key, self.id)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Upload for RetryingUpload<S> {
    fn id(&self) -> &str {
        &self.id
    }

    fn put_part(&self, index: usize, body: Bytes) -> BoxFuture<'static, StoreResult<()>> {
        let (inner, lengths) = (self.inner.clone(), self.lengths.clone());
        let (store, key) = (self.store.clone(), self.key.clone());
        async move {
            let length = body.len();
            let send = |_| {
                let (inner, body) = (inner.clone(), body.clone());
                let sending = async move {
                    let sending = inner.lock().await.put_part(index, body);
                    sending.await
                };
                store.while_alive("put part", &key, sending)
            };
            store
                .retrier
                .run(transfer_allowance(length), stalled("put part", &key), send)
                .await?;
            lengths
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(index, length as u64);
            Ok(())
        }
        .boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, StoreResult<PutReceipt>> {
        self.complete_parts().boxed()
    }

    fn abort(&mut self) -> BoxFuture<'_, StoreResult<()>> {
        let (inner, key) = (&self.inner, &self.key);
        let abort = move |_| async move { inner.lock().await.abort().await };
        self.store
            .retrier
            .run(Duration::ZERO, stalled("abort upload", key), abort)
            .boxed()
    }
}

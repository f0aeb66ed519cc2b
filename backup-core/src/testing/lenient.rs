//! A store that keeps fewer promises than the one within, as real ones do.

use crate::store::{
    Download, ETag, Key, ListDepth, ListEntry, ListOrder, Location, ObjectMeta, PutMode, PutReceipt, Store, StoreError,
    StoreErrorKind, StoreResult, UnfinishedUpload, Upload,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    future::ready,
    stream::{self, BoxStream},
};
use std::{ops::Range, sync::Arc};

/// What a [`LenientStore`] does not promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leniency {
    /// Answers every conditional put with success and overwrites, as SeaweedFS 3.39 does.
    pub ignores_conditions: bool,
    /// Lists in an order of its own: anything that relies on one is found out. Holds whole listings in memory.
    pub shuffles: bool,
    /// Of which keys it lists unfinished uploads.
    pub uploads: UploadListing,
}

/// Of which keys a store lists unfinished uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UploadListing {
    /// Of those under a prefix.
    #[default]
    ByPrefix,
    /// Of one whole key, as MinIO does.
    WholeKeys,
    /// Of none: it is forbidden.
    Forbidden,
}

/// The store within, less what its [`Leniency`] takes away.
#[derive(Debug)]
pub struct LenientStore<S: ?Sized> {
    inner: Arc<S>,
    leniency: Leniency,
}

impl<S: ?Sized> LenientStore<S> {
    /// Takes `leniency` away from `inner`.
    #[must_use]
    pub fn new(inner: Arc<S>, leniency: Leniency) -> Self {
        Self { inner, leniency }
    }

    fn ordered<T: Send + 'static>(&self, entries: BoxStream<'static, T>) -> BoxStream<'static, T> {
        if self.leniency.shuffles {
            shuffled(entries)
        } else {
            entries
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Store for LenientStore<S> {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn order(&self) -> ListOrder {
        if self.leniency.shuffles {
            ListOrder::None
        } else {
            self.inner.order()
        }
    }

    async fn put(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt> {
        let mode = if self.leniency.ignores_conditions {
            PutMode::Overwrite
        } else {
            mode
        };
        self.inner.put(key, body, mode).await
    }

    async fn upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>> {
        self.inner.upload(key).await
    }

    async fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        self.inner.get(key, range, pin).await
    }

    async fn head(&self, key: &Key) -> StoreResult<Option<ObjectMeta>> {
        self.inner.head(key).await
    }

    fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        self.ordered(self.inner.list(prefix, depth))
    }

    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        let uploads = self.ordered(self.inner.uploads(prefix));
        let whole = prefix.clone();
        match self.leniency.uploads {
            UploadListing::ByPrefix => uploads,
            UploadListing::WholeKeys => uploads.try_filter(move |upload| ready(upload.key == whole)).boxed(),
            UploadListing::Forbidden => {
                let error = StoreError::new(StoreErrorKind::Forbidden, "list uploads", prefix);
                stream::once(ready(Err(error))).boxed()
            }
        }
    }

    async fn abort_upload(&self, upload: &UnfinishedUpload) -> StoreResult<()> {
        self.inner.abort_upload(upload).await
    }

    async fn delete(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        self.inner.delete(keys).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>> {
        self.inner.copy(from, to).await
    }
}

fn shuffled<T: Send + 'static>(entries: BoxStream<'static, T>) -> BoxStream<'static, T> {
    stream::once(async move {
        let mut entries: Vec<T> = entries.collect().await;
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for last in (1..entries.len()).rev() {
            // xorshift: an order that nobody foresees, the same in every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let bound = u64::try_from(last).unwrap_or(u64::MAX) + 1;
            entries.swap(last, usize::try_from(state % bound).unwrap_or(0));
        }
        stream::iter(entries)
    })
    .flatten()
    .boxed()
}

//! A store that lists unfinished uploads as MinIO does, or not at all.

use crate::{
    store::{
        Download, ETag, Key, ListDepth, ListEntry, ListOrder, Location, ObjectMeta, PutMode, PutReceipt, Store,
        StoreError, StoreErrorKind, StoreResult, UnfinishedUpload, Upload,
    },
    testing::MemoryStore,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::ready, stream, stream::BoxStream};
use std::ops::Range;

/// Answers for a whole key only; if `forbidden`, nobody.
#[derive(Debug)]
pub(super) struct WholeKeyUploads {
    pub(super) inner: MemoryStore,
    pub(super) forbidden: bool,
}

#[async_trait]
impl Store for WholeKeyUploads {
    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        if self.forbidden {
            let error = StoreError::new(StoreErrorKind::Forbidden, "list uploads", prefix);
            return stream::once(ready(Err(error))).boxed();
        }
        let whole = prefix.clone();
        let uploads = self.inner.uploads(prefix);
        uploads.try_filter(move |upload| ready(upload.key == whole)).boxed()
    }

    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn order(&self) -> ListOrder {
        self.inner.order()
    }

    async fn put(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt> {
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
        self.inner.list(prefix, depth)
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

//! Stores that keep fewer promises than others, as real ones do.

use crate::store::{
    Download, ETag, Key, ListDepth, ListEntry, ListOrder, Location, ObjectMeta, PutMode, PutReceipt, Store,
    StoreResult, UnfinishedUpload, Upload,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use std::{ops::Range, sync::Arc};

/// Answers every conditional put with success and overwrites, as SeaweedFS 3.39 does.
#[derive(Debug)]
pub struct NoConditionalPut<S: ?Sized>(pub Arc<S>);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Store for NoConditionalPut<S> {
    fn location(&self) -> &Location {
        self.0.location()
    }

    fn order(&self) -> ListOrder {
        self.0.order()
    }

    async fn put(&self, key: &Key, body: Bytes, _mode: PutMode) -> StoreResult<PutReceipt> {
        self.0.put(key, body, PutMode::Overwrite).await
    }

    async fn upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>> {
        self.0.upload(key).await
    }

    async fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        self.0.get(key, range, pin).await
    }

    async fn head(&self, key: &Key) -> StoreResult<Option<ObjectMeta>> {
        self.0.head(key).await
    }

    fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        self.0.list(prefix, depth)
    }

    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        self.0.uploads(prefix)
    }

    async fn abort_upload(&self, upload: &UnfinishedUpload) -> StoreResult<()> {
        self.0.abort_upload(upload).await
    }

    async fn delete(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        self.0.delete(keys).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>> {
        self.0.copy(from, to).await
    }
}

/// Lists in an order of its own: anything that relies on one is found out. Holds whole listings in memory.
#[derive(Debug)]
pub struct ShuffledListing<S: ?Sized>(pub Arc<S>);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Store for ShuffledListing<S> {
    fn location(&self) -> &Location {
        self.0.location()
    }

    fn order(&self) -> ListOrder {
        ListOrder::None
    }

    async fn put(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt> {
        self.0.put(key, body, mode).await
    }

    async fn upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>> {
        self.0.upload(key).await
    }

    async fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        self.0.get(key, range, pin).await
    }

    async fn head(&self, key: &Key) -> StoreResult<Option<ObjectMeta>> {
        self.0.head(key).await
    }

    fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        shuffled(self.0.list(prefix, depth))
    }

    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        shuffled(self.0.uploads(prefix))
    }

    async fn abort_upload(&self, upload: &UnfinishedUpload) -> StoreResult<()> {
        self.0.abort_upload(upload).await
    }

    async fn delete(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        self.0.delete(keys).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>> {
        self.0.copy(from, to).await
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

//! A store that fails when a test says so.

use crate::store::{
    Download, ETag, Key, ListDepth, ListEntry, ListOrder, Location, ObjectMeta, PutMode, PutReceipt, Store, StoreError,
    StoreErrorKind, StoreResult, UnfinishedUpload, Upload,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream::BoxStream};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What happens to the call that is chosen to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not carried out, and an error is returned.
    Refused,
    /// It is carried out, and an error is returned.
    AnswerLost,
    /// It is not carried out, and never answered: as if the caller died before it.
    DiesBefore,
    /// It is carried out, and never answered: as if the caller died after it.
    DiesAfter,
}

/// Counts the calls that reach a store, and lets one of them fail: the calls before and after it go through, but for a caller that died.
///
/// The parts of an upload are not counted, only its beginning.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    calls: Arc<AtomicU64>,
    fault: Option<(u64, Fault)>,
}

impl FaultyStore {
    /// Passes everything on to `inner` and counts.
    #[must_use]
    pub fn counting(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            calls: Arc::default(),
            fault: None,
        }
    }

    /// Lets call number `call`, from 0, meet `fault`.
    #[must_use]
    pub fn failing(inner: Arc<dyn Store>, call: u64, fault: Fault) -> Self {
        Self {
            fault: Some((call, fault)),
            ..Self::counting(inner)
        }
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// What this call, the next one, is to meet.
    fn next(&self) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.fault.filter(|(chosen, _)| *chosen == call).map(|(_, fault)| fault)
    }

    async fn pass<T>(&self, key: &Key, request: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        match self.next() {
            None => request.await,
            Some(Fault::Refused) => Err(injected(key)),
            Some(Fault::AnswerLost) => request.await.and(Err(injected(key))),
            Some(Fault::DiesBefore) => std::future::pending().await,
            Some(Fault::DiesAfter) => {
                drop(request.await);
                std::future::pending().await
            }
        }
    }

    fn pass_listing<T: Send + 'static>(
        &self,
        key: &Key,
        listing: BoxStream<'static, StoreResult<T>>,
    ) -> BoxStream<'static, StoreResult<T>> {
        match self.next() {
            None => listing,
            Some(Fault::Refused | Fault::AnswerLost) => futures::stream::iter([Err(injected(key))]).boxed(),
            Some(Fault::DiesBefore | Fault::DiesAfter) => futures::stream::pending().boxed(),
        }
    }
}

fn injected(key: &Key) -> StoreError {
    StoreError::new(StoreErrorKind::Server, "injected fault", key).exhausted()
}

#[async_trait]
impl Store for FaultyStore {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn order(&self) -> ListOrder {
        self.inner.order()
    }

    async fn put(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt> {
        self.pass(key, self.inner.put(key, body, mode)).await
    }

    async fn upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>> {
        self.pass(key, self.inner.upload(key)).await
    }

    async fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        self.pass(key, self.inner.get(key, range, pin)).await
    }

    async fn head(&self, key: &Key) -> StoreResult<Option<ObjectMeta>> {
        self.pass(key, self.inner.head(key)).await
    }

    fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        self.pass_listing(prefix, self.inner.list(prefix, depth))
    }

    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        self.pass_listing(prefix, self.inner.uploads(prefix))
    }

    async fn abort_upload(&self, upload: &UnfinishedUpload) -> StoreResult<()> {
        self.pass(&upload.key, self.inner.abort_upload(upload)).await
    }

    async fn delete(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        let all = Key::root();
        let request = self.inner.delete(keys).map(Ok);
        match self.pass(&all, request).await {
            Ok(results) => results,
            Err(_) => keys.iter().map(|key| Err(injected(key))).collect(),
        }
    }

    async fn copy(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>> {
        self.pass(to, self.inner.copy(from, to)).await
    }
}

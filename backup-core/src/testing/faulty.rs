//! A store that fails where it is told to.

use crate::store::{
    Download, ETag, Key, ListDepth, ListEntry, ListOrder, Location, ObjectMeta, PutMode, PutReceipt, Store, StoreError,
    StoreErrorKind, StoreResult, UnfinishedUpload, Upload,
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{
    FutureExt, StreamExt,
    future::{self, BoxFuture},
    stream::{self, BoxStream},
};
use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails and nothing is done.
    Before(StoreErrorKind),
    /// It is done, and fails nevertheless: its answer is lost.
    After(StoreErrorKind),
    /// The body ends here with [`StoreErrorKind::Interrupted`] and half a chunk; any other call fails so before anything is done.
    Cut,
    /// One bit of this chunk of a body is flipped; any other call is untouched.
    Flip,
    /// It never ends; nothing is done: as if the caller died before it.
    Hang,
    /// It is done, and never ends: as if the caller died after it. A chunk of a body or an entry of a listing hangs.
    HangAfter,
}

/// A store over another that counts its calls and fails some of them.
///
/// Every method is a call, and so is every chunk of a body, every entry of a listing (its end too), every part, completion and abort of an upload.
/// Calls are counted from 0. Clones share the count. To run a scenario with a fault at each call in turn: run it once without, take
/// [`FaultyStore::calls`], then run it again for each position on a fresh store.
pub struct FaultyStore<S: ?Sized> {
    inner: Arc<S>,
    plan: Arc<Mutex<Plan>>,
}

impl<S: ?Sized> Clone for FaultyStore<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            plan: self.plan.clone(),
        }
    }
}

#[derive(Debug, Default)]
struct Plan {
    log: Vec<String>,
    faults: Vec<(Range<usize>, Fault)>,
}

impl<S: Store + ?Sized> FaultyStore<S> {
    /// A store that does not fail yet.
    pub fn new(inner: Arc<S>) -> Self {
        Self {
            inner,
            plan: Arc::default(),
        }
    }

    /// Lets the call at `position` go wrong.
    #[must_use]
    pub fn failing_at(self, position: usize, fault: Fault) -> Self {
        self.failing_in(position..position + 1, fault)
    }

    /// Lets all calls at these positions go wrong.
    #[must_use]
    pub fn failing_in(self, positions: Range<usize>, fault: Fault) -> Self {
        self.fail_in(positions, fault);
        self
    }

    /// Lets the next `count` calls go wrong.
    pub fn fail_next(&self, count: usize, fault: Fault) {
        let next = self.calls();
        self.fail_in(next..next + count, fault);
    }

    /// The number of calls so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.plan().log.len()
    }

    /// What was called, as `put a/b`, in order.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.plan().log.clone()
    }

    fn fail_in(&self, positions: Range<usize>, fault: Fault) {
        self.plan().faults.push((positions, fault));
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and tells its fault.
    fn count(&self, operation: &str, key: &Key) -> Option<Fault> {
        let mut plan = self.plan();
        let position = plan.log.len();
        plan.log.push(format!("{operation} {key}"));
        let planned = plan
            .faults
            .iter()
            .rev()
            .find(|(positions, _)| positions.contains(&position));
        planned.map(|(_, fault)| *fault)
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        key: &Key,
        work: impl Future<Output = StoreResult<T>>,
    ) -> StoreResult<T> {
        match self.count(operation, key) {
            None | Some(Fault::Flip) => work.await,
            Some(Fault::Before(kind)) => Err(injected(kind, operation, key)),
            Some(Fault::Cut) => Err(injected(StoreErrorKind::Interrupted, operation, key)),
            Some(Fault::After(kind)) => {
                // A refusal is an answer too, and is lost like any other.
                drop(work.await);
                Err(injected(kind, operation, key))
            }
            Some(Fault::Hang) => future::pending().await,
            Some(Fault::HangAfter) => {
                drop(work.await);
                future::pending().await
            }
        }
    }

    fn entries<T: Send + 'static>(
        &self,
        operation: &'static str,
        prefix: &Key,
        entries: BoxStream<'static, StoreResult<T>>,
    ) -> BoxStream<'static, StoreResult<T>> {
        let state = (self.clone(), prefix.clone(), entries);
        stream::unfold(state, move |(store, prefix, mut entries)| async move {
            let fault = store.count(operation, &prefix);
            let entry = match fault {
                None | Some(Fault::Flip) => entries.next().await?,
                // An entry whose answer is lost is asked for again.
                Some(Fault::Before(kind) | Fault::After(kind)) => Err(injected(kind, operation, &prefix)),
                Some(Fault::Cut) => Err(injected(StoreErrorKind::Interrupted, operation, &prefix)),
                Some(Fault::Hang | Fault::HangAfter) => future::pending().await,
            };
            Some((entry, (store, prefix, entries)))
        })
        .boxed()
    }

    fn body(&self, key: &Key, body: BoxStream<'static, StoreResult<Bytes>>) -> BoxStream<'static, StoreResult<Bytes>> {
        let state = (self.clone(), key.clone(), body, None);
        stream::unfold(state, |(store, key, mut body, broken)| async move {
            if let Some(error) = broken {
                return Some((Err(error), (store, key, stream::empty().boxed(), None)));
            }
            let chunk = body.next().await?;
            let (chunk, broken) = store.spoil(&key, chunk).await;
            Some((chunk, (store, key, body, broken)))
        })
        .boxed()
    }

    async fn spoil(&self, key: &Key, chunk: StoreResult<Bytes>) -> (StoreResult<Bytes>, Option<StoreError>) {
        let interrupted = || injected(StoreErrorKind::Interrupted, "body", key);
        match (self.count("body", key), chunk) {
            (Some(Fault::Before(kind) | Fault::After(kind)), _) => (Err(injected(kind, "body", key)), None),
            (Some(Fault::Cut), Ok(chunk)) => (Ok(chunk.slice(..chunk.len() / 2)), Some(interrupted())),
            (Some(Fault::Flip), Ok(chunk)) => (Ok(flipped(&chunk)), None),
            (Some(Fault::Hang | Fault::HangAfter), _) => future::pending().await,
            (_, chunk) => (chunk, None),
        }
    }
}

fn injected(kind: StoreErrorKind, operation: &'static str, key: &Key) -> StoreError {
    StoreError::new(kind, operation, key).because("injected")
}

fn flipped(chunk: &Bytes) -> Bytes {
    let mut bytes = BytesMut::from(chunk.as_ref());
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    bytes.freeze()
}

impl<S: fmt::Debug + ?Sized> fmt::Debug for FaultyStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({:?})", &self.inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Store for FaultyStore<S> {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn order(&self) -> ListOrder {
        self.inner.order()
    }

    async fn put(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt> {
        self.call("put", key, self.inner.put(key, body, mode)).await
    }

    async fn upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>> {
        let upload = self.call("upload", key, self.inner.upload(key)).await?;
        Ok(Box::new(FaultyUpload {
            store: self.clone(),
            key: key.clone(),
            upload,
        }))
    }

    async fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        let download = self.call("get", key, self.inner.get(key, range, pin)).await?;
        Ok(download.map(|download| Download {
            body: self.body(key, download.body),
            meta: download.meta,
        }))
    }

    async fn head(&self, key: &Key) -> StoreResult<Option<ObjectMeta>> {
        self.call("head", key, self.inner.head(key)).await
    }

    fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        self.entries("list", prefix, self.inner.list(prefix, depth))
    }

    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        self.entries("uploads", prefix, self.inner.uploads(prefix))
    }

    async fn abort_upload(&self, upload: &UnfinishedUpload) -> StoreResult<()> {
        self.call("abort upload", &upload.key, self.inner.abort_upload(upload))
            .await
    }

    async fn delete(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        let first = keys.first().cloned().unwrap_or_default();
        let all = self.call("delete", &first, async { Ok(self.inner.delete(keys).await) });
        match all.await {
            Ok(results) => results,
            Err(error) => keys
                .iter()
                .map(|key| Err(injected(error.kind(), "delete", key)))
                .collect(),
        }
    }

    async fn copy(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>> {
        self.call("copy", to, self.inner.copy(from, to)).await
    }
}

struct FaultyUpload<S: ?Sized> {
    store: FaultyStore<S>,
    key: Key,
    upload: Box<dyn Upload>,
}

impl<S: Store + ?Sized> fmt::Debug for FaultyUpload<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyUpload({:?})", self.upload)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Upload for FaultyUpload<S> {
    fn id(&self) -> &str {
        self.upload.id()
    }

    fn put_part(&self, index: usize, body: Bytes) -> BoxFuture<'static, StoreResult<()>> {
        let store = self.store.clone();
        let (key, part) = (self.key.clone(), self.upload.put_part(index, body));
        async move { store.call("part", &key, part).await }.boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, StoreResult<PutReceipt>> {
        self.store.call("complete", &self.key, self.upload.complete()).boxed()
    }

    fn abort(&mut self) -> BoxFuture<'_, StoreResult<()>> {
        self.store.call("abort", &self.key, self.upload.abort()).boxed()
    }
}

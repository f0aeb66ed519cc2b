//! A strict store in memory.

use super::clock::{SeededEntropy, mix};
use crate::{
    clock::Clock,
    store::{
        Download, ETag, Key, ListDepth, ListEntry, ListOrder, Location, ObjectMeta, PutMode, PutReceipt,
        ServerEncryption, Store, StoreError, StoreErrorKind, StoreResult, UnfinishedUpload, Upload,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use jiff::{Timestamp, TimestampRound, Unit};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a [`MemoryStore`] does and does not do. The default is a store with everything.
#[derive(Debug, Clone, Copy)]
pub struct MemoryOptions {
    /// Whether `Create` and `Match` are honoured. If not, it overwrites and answers OK, as SeaweedFS does.
    pub conditional: bool,
    /// Whether times of modification are cut to whole seconds, as SeaweedFS does.
    pub whole_seconds: bool,
    /// Whether objects may be deleted; if not, deleting answers [`StoreErrorKind::Forbidden`].
    pub deletes: bool,
    /// Whether answers say that the store encrypted with its KMS.
    pub encrypts: bool,
    /// The least size of a part that is not the last one.
    pub part_min: usize,
    /// Seed of the order and the page sizes of listings.
    pub seed: u64,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self {
            conditional: true,
            whole_seconds: false,
            deletes: true,
            encrypts: false,
            part_min: 5 << 20,
            seed: 0,
        }
    }
}

/// A strict store in memory, with a clock of its own.
///
/// Every listing comes in another order and in pages of random size, each page showing the store as it is when the page is fetched. Tags follow
/// from the content, as on S3. Keys with empty, `.` or `..` segments are refused. Each call gives way to other tasks before it acts and before
/// it answers, so that a dropped future stands for a request that was never sent, or whose answer was lost. Clones share the content.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    location: Location,
    options: MemoryOptions,
    clock: Arc<dyn Clock>,
    random: SeededEntropy,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<Key, Object>,
    uploads: BTreeMap<String, Pending>,
}

#[derive(Debug, Clone)]
struct Object {
    body: Bytes,
    meta: ObjectMeta,
}

#[derive(Debug)]
struct Pending {
    key: Key,
    initiated: Timestamp,
    parts: BTreeMap<usize, Bytes>,
}

impl MemoryStore {
    /// An empty store whose times of modification come from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, options: MemoryOptions) -> Self {
        let location = Location {
            scheme: "memory".into(),
            endpoint: None,
            bucket: String::new(),
            prefix: String::new(),
        };
        Self {
            shared: Arc::new(Shared {
                location,
                options,
                clock,
                random: SeededEntropy::new(options.seed),
                state: Mutex::default(),
            }),
        }
    }

    /// All keys there are, sorted.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        self.shared.state().objects.keys().cloned().collect()
    }

    /// The bytes under `key`, without a store operation.
    #[must_use]
    pub fn peek(&self, key: &Key) -> Option<Bytes> {
        self.shared.state().objects.get(key).map(|object| object.body.clone())
    }

    /// Puts `body` under `key`, without a store operation and without any check.
    pub fn plant(&self, key: &Key, body: impl Into<Bytes>) {
        let object = self.shared.object(key, body.into());
        self.shared.state().objects.insert(key.clone(), object);
    }

    /// Takes the object under `key` away, without a store operation.
    pub fn remove(&self, key: &Key) -> Option<Bytes> {
        self.shared.state().objects.remove(key).map(|object| object.body)
    }

    /// How many uploads are unfinished.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.shared.state().uploads.len()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        if !self.options.whole_seconds {
            return now;
        }
        let cut = TimestampRound::new()
            .smallest(Unit::Second)
            .mode(jiff::RoundMode::Trunc);
        now.round(cut).unwrap_or(now)
    }

    fn object(&self, key: &Key, body: Bytes) -> Object {
        let tag = crate::hex::encode(&Sha256::digest(&body)[..16]);
        let meta = ObjectMeta {
            key: key.clone(),
            length: body.len() as u64,
            modified: self.now(),
            etag: Some(ETag(format!("\"{tag}\""))),
            encryption: None,
        };
        Object { body, meta }
    }

    fn put(&self, key: &Key, body: Bytes, mode: &PutMode) -> StoreResult<PutReceipt> {
        check(key, "put")?;
        let object = self.object(key, body);
        let mut state = self.state();
        let there = state.objects.get(key).and_then(|object| object.meta.etag.as_ref());
        let allowed = match mode {
            PutMode::Overwrite => true,
            PutMode::Create => there.is_none(),
            PutMode::Match(tag) => there == Some(tag),
        };
        if self.options.conditional && !allowed {
            return Err(StoreError::new(StoreErrorKind::Conflict, "put", key));
        }
        let receipt = PutReceipt {
            etag: object.meta.etag.clone(),
            encryption: self.options.encrypts.then_some(ServerEncryption::Kms(None)),
            ..PutReceipt::default()
        };
        state.objects.insert(key.clone(), object);
        Ok(receipt)
    }

    fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        check(key, "get")?;
        let Some(object) = self.state().objects.get(key).cloned() else {
            return Ok(None);
        };
        if pin.is_some() && pin != object.meta.etag.as_ref() {
            return Err(StoreError::new(StoreErrorKind::Changed, "get", key));
        }
        let range = range.unwrap_or(0..object.meta.length);
        let end = range.end.min(object.meta.length);
        let mut rest = object.body.slice(range.start.min(end) as usize..end as usize);
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            let size = 1 + self.random.below(64 << 10) as usize;
            chunks.push(Ok(rest.split_to(size.min(rest.len()))));
        }
        Ok(Some(Download {
            meta: object.meta,
            body: stream::iter(chunks).boxed(),
        }))
    }

    fn remove(&self, key: &Key) -> StoreResult<()> {
        check(key, "delete")?;
        if !self.options.deletes {
            return Err(StoreError::new(StoreErrorKind::Forbidden, "delete", key));
        }
        self.state().objects.remove(key);
        Ok(())
    }

    /// The next page after `cursor` in the order that `seed` gives, and the cursor after it.
    fn page(&self, prefix: &Key, depth: ListDepth, seed: u64, cursor: Option<u64>) -> (Vec<ListEntry>, Option<u64>) {
        let entries = self.entries(prefix, depth);
        let mut ranked: BTreeMap<u64, ListEntry> = entries
            .into_iter()
            .map(|(name, entry)| (rank(seed, &name), entry))
            .filter(|(rank, _)| cursor.is_none_or(|cursor| *rank > cursor))
            .collect();
        let size = 1 + self.random.below(1000) as usize;
        let cut = ranked.keys().nth(size).copied();
        let rest = cut.map(|cut| ranked.split_off(&cut)).unwrap_or_default();
        let last = ranked.keys().next_back().copied();
        let next = if rest.is_empty() { None } else { last };
        (ranked.into_values().collect(), next)
    }

    /// What a listing names, each name once.
    fn entries(&self, prefix: &Key, depth: ListDepth) -> HashMap<Key, ListEntry> {
        let state = self.state();
        let under = state.objects.range(prefix.clone()..);
        under
            .take_while(|(key, _)| key.strip_prefix(prefix).is_some())
            .map(|(key, object)| match (depth, folder(prefix, key)) {
                (ListDepth::Delimited, Some(folder)) => (folder.clone(), ListEntry::Folder(folder)),
                _ => (key.clone(), ListEntry::Object(object.meta.clone())),
            })
            .collect()
    }

    fn complete(&self, id: &str, key: &Key) -> StoreResult<PutReceipt> {
        let failed = |why: &str| StoreError::new(StoreErrorKind::Other, "complete upload", key).because(why);
        let pending = self
            .state()
            .uploads
            .remove(id)
            .ok_or_else(|| failed("no such upload"))?;
        let sizes: Vec<usize> = pending.parts.values().map(Bytes::len).collect();
        let full = sizes.split_last().map_or(&[][..], |(_, full)| full);
        if sizes.is_empty() || !pending.parts.keys().copied().eq(0..sizes.len()) {
            return Err(failed("parts are missing"));
        }
        if full.iter().any(|size| *size < self.options.part_min) || full.windows(2).any(|two| two[0] != two[1]) {
            return Err(failed("parts are too small, or of several sizes"));
        }
        let body: Vec<u8> = pending.parts.into_values().flatten().collect();
        self.put(key, body.into(), &PutMode::Overwrite)
    }
}

/// Refuses what object_store and SeaweedFS could not hold byte for byte either.
fn check(key: &Key, operation: &'static str) -> StoreResult<()> {
    let held = key.as_bytes().len() <= 1024
        && key
            .as_bytes()
            .split(|byte| *byte == b'/')
            .all(|segment| !matches!(segment, b"" | b"." | b".."));
    if held {
        Ok(())
    } else {
        Err(StoreError::new(StoreErrorKind::InvalidKey, operation, key))
    }
}

fn folder(prefix: &Key, key: &Key) -> Option<Key> {
    let rest = key.strip_prefix(prefix)?;
    let slash = rest.iter().position(|byte| *byte == b'/')?;
    Some(prefix.with(&rest[..=slash]))
}

fn rank(seed: u64, key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    mix(hasher.finish() ^ seed)
}

#[async_trait]
impl Store for MemoryStore {
    fn location(&self) -> &Location {
        &self.shared.location
    }

    fn order(&self) -> ListOrder {
        ListOrder::None
    }

    async fn put(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt> {
        gives_way(|| self.shared.put(key, body, &mode)).await
    }

    async fn upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>> {
        gives_way(|| {
            check(key, "begin upload")?;
            let id = format!("upload-{:016x}", self.shared.random.next());
            let pending = Pending {
                key: key.clone(),
                initiated: self.shared.now(),
                parts: BTreeMap::new(),
            };
            self.shared.state().uploads.insert(id.clone(), pending);
            Ok(Box::new(MemoryUpload {
                shared: self.shared.clone(),
                key: key.clone(),
                id,
            }) as Box<dyn Upload>)
        })
        .await
    }

    async fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        gives_way(|| self.shared.get(key, range, pin)).await
    }

    async fn head(&self, key: &Key) -> StoreResult<Option<ObjectMeta>> {
        gives_way(|| {
            check(key, "head")?;
            Ok(self.shared.state().objects.get(key).map(|object| object.meta.clone()))
        })
        .await
    }

    fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        let (shared, prefix) = (self.shared.clone(), prefix.clone());
        let seed = shared.random.next();
        stream::unfold(Some(None), move |cursor| {
            let (shared, prefix) = (shared.clone(), prefix.clone());
            async move {
                let cursor = cursor?;
                let (page, next) = gives_way(|| shared.page(&prefix, depth, seed, cursor)).await;
                Some((stream::iter(page.into_iter().map(Ok)), next.map(Some)))
            }
        })
        .flatten()
        .boxed()
    }

    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        let (shared, prefix) = (self.shared.clone(), prefix.clone());
        let found = gives_way(move || {
            let state = shared.state();
            let under = state
                .uploads
                .iter()
                .filter(|(_, pending)| pending.key.strip_prefix(&prefix).is_some());
            let found: Vec<_> = under.map(|(id, pending)| Ok(unfinished(id, pending))).collect();
            stream::iter(found)
        });
        found.into_stream().flatten().boxed()
    }

    async fn abort_upload(&self, upload: &UnfinishedUpload) -> StoreResult<()> {
        gives_way(|| {
            self.shared.state().uploads.remove(&upload.id);
            Ok(())
        })
        .await
    }

    async fn delete(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        gives_way(|| keys.iter().map(|key| self.shared.remove(key)).collect()).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>> {
        gives_way(|| {
            let Some(body) = self.shared.state().objects.get(from).map(|object| object.body.clone()) else {
                return Ok(None);
            };
            self.shared.put(to, body, &PutMode::Overwrite).map(Some)
        })
        .await
    }
}

fn unfinished(id: &str, pending: &Pending) -> UnfinishedUpload {
    UnfinishedUpload {
        key: pending.key.clone(),
        id: id.to_owned(),
        initiated: Some(pending.initiated),
    }
}

/// Lets other tasks run before the request is carried out and before it is answered.
async fn gives_way<T>(act: impl FnOnce() -> T) -> T {
    tokio::task::yield_now().await;
    let answer = act();
    tokio::task::yield_now().await;
    answer
}

#[derive(Debug)]
struct MemoryUpload {
    shared: Arc<Shared>,
    key: Key,
    id: String,
}

impl Upload for MemoryUpload {
    fn id(&self) -> &str {
        &self.id
    }

    fn put_part(&self, index: usize, body: Bytes) -> BoxFuture<'static, StoreResult<()>> {
        let (shared, id, key) = (self.shared.clone(), self.id.clone(), self.key.clone());
        gives_way(move || {
            let mut state = shared.state();
            let pending = state.uploads.get_mut(&id);
            let pending = pending.ok_or_else(|| StoreError::new(StoreErrorKind::Other, "put part", &key))?;
            pending.parts.insert(index, body);
            Ok(())
        })
        .boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, StoreResult<PutReceipt>> {
        gives_way(|| self.shared.complete(&self.id, &self.key)).boxed()
    }

    fn abort(&mut self) -> BoxFuture<'_, StoreResult<()>> {
        gives_way(|| {
            self.shared.state().uploads.remove(&self.id);
            Ok(())
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests;

//! [`Store`] over `object_store`: S3 and what speaks it, GCS, Azure, memory, and (under [`FileStore`](super::file::FileStore)) local folders.

mod answer;
mod copy;
mod encryption;
mod failure;
mod list;
mod pages;
mod path;
mod read;
mod s3_answers;
mod s3_requests;
mod upload;
mod write;

pub(super) use answer::{IDLE, WatchingConnector, transfer_allowance};
pub(super) use failure::kind_of_io;
pub(super) use path::{exact, relative};
#[cfg(any(test, feature = "testing"))]
pub(crate) use s3_answers::read_s3_answer;
pub(super) use s3_requests::{BucketAddress, S3Requests};

use super::{
    Download, ETag, Key, ListDepth, ListEntry, ListOrder, Location, ObjectMeta, PutMode, PutReceipt, ServerEncryption,
    Store, StoreError, StoreErrorKind, StoreResult, UnfinishedUpload, Upload,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::{ObjectStore, list::PaginatedListStore, multipart::MultipartStore, path::Path};
use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

/// How a backend is listed.
pub(super) enum Listing {
    /// By requests of our own, which see every key as it is.
    S3(S3Requests),
    /// Page by page through `object_store`; a key that it cannot represent fails the listing.
    Paged(Arc<dyn PaginatedListStore>),
    /// By walking whole folders; a name that `object_store` cannot represent fails the listing.
    Walk,
}

/// A backend of `object_store` as a [`Store`]. Clones share everything.
///
/// Never tries anything again by itself; the backend must be configured so too.
#[derive(Clone)]
pub(super) struct Adapter(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    parts: Option<Arc<dyn MultipartStore>>,
    listing: Listing,
    location: Location,
    order: ListOrder,
    encryption: Option<ServerEncryption>,
    copy_part: u64,
    /// Uploads begun in memory, where nobody else remembers them.
    begun: Mutex<BTreeMap<String, Key>>,
}

/// What an [`Adapter`] is made of.
pub(super) struct Backend {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) parts: Option<Arc<dyn MultipartStore>>,
    pub(super) listing: Listing,
    pub(super) location: Location,
    pub(super) order: ListOrder,
    pub(super) encryption: Option<ServerEncryption>,
    /// Bytes that S3 is asked to copy at once.
    pub(super) copy_part: u64,
}

impl Adapter {
    pub(super) fn new(backend: Backend) -> Self {
        Self(Arc::new(Inner {
            objects: backend.objects,
            parts: backend.parts,
            listing: backend.listing,
            location: backend.location,
            order: backend.order,
            encryption: backend.encryption,
            copy_part: backend.copy_part,
            begun: Mutex::default(),
        }))
    }

    /// The root inside the bucket; local folders and memory are rooted by themselves.
    fn root(&self) -> &str {
        if self.0.location.bucket.is_empty() {
            ""
        } else {
            &self.0.location.prefix
        }
    }

    fn path(&self, key: &Key, operation: &'static str) -> StoreResult<Path> {
        exact(self.root(), key, operation)
    }

    fn relative(&self, full: &[u8], operation: &'static str) -> StoreResult<Key> {
        relative(self.root(), full).ok_or_else(|| {
            StoreError::new(StoreErrorKind::Other, operation, &Key::new(full))
                .because("the store named a key outside of the prefix that was asked for")
        })
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Key>> {
        self.0.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_memory(&self) -> bool {
        self.0.location.scheme == "memory"
    }
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Adapter({})", self.0.location)
    }
}

#[async_trait]
impl Store for Adapter {
    fn location(&self) -> &Location {
        &self.0.location
    }

    fn order(&self) -> ListOrder {
        self.0.order
    }

    async fn put(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt> {
        self.put_object(key, body, mode).await
    }

    async fn upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>> {
        self.begin_upload(key).await
    }

    async fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        self.get_object(key, range, pin).await
    }

    async fn head(&self, key: &Key) -> StoreResult<Option<ObjectMeta>> {
        self.head_object(key).await
    }

    fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        self.list_objects(prefix, depth)
    }

    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        self.list_uploads(prefix)
    }

    async fn abort_upload(&self, upload: &UnfinishedUpload) -> StoreResult<()> {
        self.abort_by_id(&upload.key, &upload.id).await
    }

    async fn delete(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        self.delete_objects(keys).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>> {
        self.copy_object(from, to).await
    }
}

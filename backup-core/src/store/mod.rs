//! Where backups are kept: the [`Store`] trait and what it speaks of.

mod adapter;
pub mod aws_options;
mod connect;
mod encryption;
mod error;
mod file;
mod key;
mod probe;
mod retrying;
mod s3;

#[cfg(any(test, feature = "testing"))]
pub(crate) use adapter::read_s3_answer;
pub use aws_options::from_environment;
pub use connect::{StoreConfig, connect};
pub use encryption::ServerEncryption;
pub use error::{Retry, StoreError, StoreErrorKind};
pub use key::Key;
pub(crate) use probe::PROBES;
pub use probe::probe;
pub use retrying::Retrying;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use jiff::Timestamp;
use std::{fmt, ops::Range};

/// Result of a store operation.
pub type StoreResult<T> = Result<T, StoreError>;

/// What may be under the key that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutMode {
    /// Anything: it is replaced.
    Overwrite,
    /// Nothing; else [`StoreErrorKind::Conflict`]. Stores that ignore the condition exist: see [`Features::conditional_create`].
    Create,
    /// Exactly this version; else [`StoreErrorKind::Conflict`].
    Match(ETag),
}

/// The store's tag of one version of an object, as it stands in the answer (quotes included).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ETag(pub String);

/// What the store answered to a completed write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutReceipt {
    /// Tag of the version written.
    pub etag: Option<ETag>,
    /// Version id, on a bucket with versions.
    pub version: Option<String>,
    /// Encryption by the store, if the answer confirms one.
    pub encryption: Option<ServerEncryption>,
}

/// What is known of an object without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Its key.
    pub key: Key,
    /// Its length in bytes.
    pub length: u64,
    /// When it was written, by the store's clock (S3: milliseconds at best, SeaweedFS: whole seconds).
    pub modified: Timestamp,
    /// Tag of this version.
    pub etag: Option<ETag>,
    /// Encryption by the store; only `head` and `get` know it, and not from every store.
    pub encryption: Option<ServerEncryption>,
}

/// An object being read.
pub struct Download {
    /// Facts of the whole object, not of the range.
    pub meta: ObjectMeta,
    /// The bytes that were asked for. It ends with `Ok` bytes only if all of them came; a broken connection is an error, never an end.
    pub body: BoxStream<'static, StoreResult<Bytes>>,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}

/// How deep a listing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListDepth {
    /// All objects under the prefix.
    Flat,
    /// Objects up to the next `/` after the prefix; what lies deeper is named once as a [`ListEntry::Folder`].
    Delimited,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListEntry {
    /// An object.
    Object(ObjectMeta),
    /// A common prefix, with its final `/`.
    Folder(Key),
}

/// The order in which a store lists. The core relies on none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOrder {
    /// By the bytes of the key (S3).
    Bytes,
    /// As a tree is walked: `foo/x` before `foo-bar` (SeaweedFS).
    Tree,
    /// None that can be relied on.
    None,
}

/// A multipart upload that was begun and neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedUpload {
    /// The key it would become.
    pub key: Key,
    /// The store's id of the upload.
    pub id: String,
    /// When it began, if the store says so.
    pub initiated: Option<Timestamp>,
}

/// What a store really does, found by trying (see `probe`), never assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// [`PutMode::Create`] is honoured.
    pub conditional_create: bool,
    /// [`PutMode::Match`] is honoured.
    pub conditional_match: bool,
}

/// Where a store is, for messages and for servers that write there themselves. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// `s3`, `file`, `memory`, `gs`, `az`.
    pub scheme: String,
    /// Endpoint of the service, if it is not the scheme's default.
    pub endpoint: Option<String>,
    /// Bucket or container; empty for `file` and `memory`.
    pub bucket: String,
    /// The root of the store inside the bucket, or the folder; without a slash at its end.
    pub prefix: String,
}

impl Location {
    /// The full address of `key`, as `s3://bucket/prefix/key`.
    #[must_use]
    pub fn of(&self, key: &Key) -> String {
        let mut text = format!("{}://{}", self.scheme, self.bucket);
        if !self.prefix.is_empty() {
            if !self.bucket.is_empty() {
                text.push('/');
            }
            text.push_str(&self.prefix);
        }
        if !key.is_root() {
            text.push('/');
            text.push_str(&key.to_string());
        }
        text
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.of(&Key::root()))
    }
}

/// A place that keeps objects under keys, rooted at a prefix.
///
/// All methods may be called at once from many tasks. Errors say whether trying again can help ([`StoreError::retry`]); an adapter never
/// tries again by itself, that is the job of the one retry layer. Dropping a future abandons the request: it may or may not be carried out,
/// and no observer ever sees half an object.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Where this store is.
    fn location(&self) -> &Location;

    /// The order in which it lists.
    fn order(&self) -> ListOrder;

    /// Writes a whole object. Atomic: observers see the old object, or all of the new one.
    ///
    /// Not idempotent for [`PutMode::Create`] and [`PutMode::Match`]: after a lost answer the second try conflicts with the first.
    async fn put(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt>;

    /// Begins a multipart upload. Nothing is visible under `key` until [`Upload::complete`].
    async fn upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>>;

    /// Reads `range` of an object (all of it without one); `None` if there is no such object.
    ///
    /// With `pin`, exactly that version is read, else [`StoreErrorKind::Changed`]. A range that begins at or after the end, or reaches beyond it, is cut
    /// to what exists (possibly nothing).
    async fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>>;

    /// Facts of an object; `None` if there is none.
    async fn head(&self, key: &Key) -> StoreResult<Option<ObjectMeta>>;

    /// Lists what starts with `prefix`, which ends anywhere, not just at a `/`. Pages are fetched as the stream is read; memory is one page.
    ///
    /// An entry may be an object that another program wrote and that this store cannot address; what cannot even be named fails the listing, it is
    /// never left out. After an error whose retry is `Maybe`, reading on asks for the same page again: nothing is lost or comes twice. After any
    /// other error the stream has ended.
    fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>>;

    /// Lists unfinished uploads of keys that start with `prefix`. Some stores only answer for a whole key
    /// (MinIO: anything else lists nothing). Errors as in [`Store::list`].
    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>>;

    /// Removes an unfinished upload and its parts. Idempotent.
    async fn abort_upload(&self, upload: &UnfinishedUpload) -> StoreResult<()>;

    /// Deletes objects, up to 1,000 at a time; a key that does not exist counts as deleted. Idempotent. One result for each key, in order.
    async fn delete(&self, keys: &[Key]) -> Vec<StoreResult<()>>;

    /// Copies an object inside the store without moving its bytes through us; `None` if there is no such object. Atomic: nothing is visible before all
    /// of it is there. Objects of any length: S3 is asked to copy long ones part by part ([`StoreConfig::copy_part`]).
    async fn copy(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>>;
}

/// A multipart upload under way. Dropped without [`Upload::complete`], nothing becomes visible; its parts stay until aborted.
pub trait Upload: fmt::Debug + Send + Sync {
    /// The store's id of the upload.
    fn id(&self) -> &str;

    /// Sends part `index` (from 0). All parts but the last are of one size, at least 5 MiB. The futures of several parts may run at once.
    /// Idempotent: sending the same part again replaces it.
    fn put_part(&self, index: usize, body: Bytes) -> BoxFuture<'static, StoreResult<()>>;

    /// Makes the object visible, from all the parts sent, in order. Atomic. After an error whose retry is `Maybe` it may be called again.
    fn complete(&mut self) -> BoxFuture<'_, StoreResult<PutReceipt>>;

    /// Removes the upload and its parts. Idempotent.
    fn abort(&mut self) -> BoxFuture<'_, StoreResult<()>>;
}

//! [`Store`] over a local folder.
//!
//! Every write is synced to disk, file and folder, before it is reported done. A key is a path under the folder; beside what `object_store` cannot
//! represent, names end with no `#` and digits (those are being written) and leave room for such a suffix. A file cannot lie where another key
//! needs a folder. Folders are removed with their last object.

mod blocking;
mod staging;
mod upload;
mod walk;

use super::{
    Download, ETag, Key, ListDepth, ListEntry, ListOrder, Location, ObjectMeta, PutMode, PutReceipt, Store, StoreError,
    StoreErrorKind, StoreResult, UnfinishedUpload, Upload,
    adapter::{Adapter, Backend, Listing, exact, kind_of_io},
};
use async_trait::async_trait;
use blocking::blocking;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Longest name in a folder, less the room for `#` and a number.
const LONGEST_NAME: usize = 255 - 12;

/// A local folder as a store.
#[derive(Debug, Clone)]
pub(super) struct FileStore {
    objects: Adapter,
    files: LocalFileSystem,
    root: PathBuf,
}

impl FileStore {
    /// A store in `folder`, which is made if it is not there.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let root = std::fs::canonicalize(folder)?;
        let files = LocalFileSystem::new_with_prefix(&root)?.with_fsync(true);
        let location = Location {
            scheme: "file".into(),
            endpoint: None,
            bucket: String::new(),
            prefix: root.display().to_string(),
        };
        let objects = Adapter::new(Backend {
            objects: Arc::new(files.clone()),
            parts: None,
            listing: Listing::Walk,
            location,
            order: ListOrder::None,
            encryption: None,
            copy_part: u64::MAX,
        });
        Ok(Self { objects, files, root })
    }

    /// The file of `key`, which leads out of the store by no link, and is no pipe or device that would be waited for.
    async fn plain_file(&self, key: &Key, operation: &'static str) -> StoreResult<PathBuf> {
        let file = self.file(key, operation)?;
        let (root, path) = (self.root.clone(), file.clone());
        match blocking(operation, key, move || strange(&root, &path)).await? {
            None => Ok(file),
            Some(strange) => Err(
                StoreError::new(StoreErrorKind::Forbidden, operation, key).because(format!(
                    "{} is a link, a pipe or a device, and no file of a store",
                    strange.display()
                )),
            ),
        }
    }

    /// The file of `key`.
    fn file(&self, key: &Key, operation: &'static str) -> StoreResult<PathBuf> {
        let path = exact("", key, operation)?;
        let refuse = |why: &str| StoreError::new(StoreErrorKind::InvalidKey, operation, key).because(why);
        if path.as_ref().split('/').any(|name| name.len() > LONGEST_NAME) {
            return Err(refuse("a part of it is too long for a file's name"));
        }
        if path.as_ref().split('/').any(|name| staging::split(name).is_some()) {
            return Err(refuse("files that end in '#' and a number are being written"));
        }
        let file = self.root.join(path.as_ref());
        // It makes URLs of paths, and `url` takes a final `c:` or `c|` for a drive.
        match self.files.path_to_filesystem(&path) {
            Ok(sent) if sent.as_os_str() == file.as_os_str() => Ok(file),
            _ => Err(refuse("it would be written under another name")),
        }
    }
}

/// A link on the way to `file`, or what is there and is neither a file nor a folder.
fn strange(root: &Path, file: &Path) -> io::Result<Option<PathBuf>> {
    let below = |path: &&Path| path.starts_with(root) && *path != root;
    for path in file.ancestors().take_while(below) {
        match std::fs::symlink_metadata(path) {
            // A file in the place of a folder: nothing is behind it.
            Ok(facts) if facts.is_file() || facts.is_dir() => {}
            Ok(_) => return Ok(Some(path.to_owned())),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The error of an I/O operation on `key`.
fn io_error(error: io::Error, operation: &'static str, key: &Key) -> StoreError {
    StoreError::new(kind_of_io(&error), operation, key).because(error)
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for FileStore {
    fn location(&self) -> &Location {
        self.objects.location()
    }

    fn order(&self) -> ListOrder {
        self.objects.order()
    }

    async fn put(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt> {
        self.plain_file(key, "put").await?;
        self.objects.put(key, body, mode).await
    }

    async fn upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>> {
        let file = self.plain_file(key, "begin upload").await?;
        upload::begin(key.clone(), file).await
    }

    async fn get(&self, key: &Key, range: Option<Range<u64>>, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        self.plain_file(key, "get").await?;
        absent_behind_a_file(self.objects.get(key, range, pin).await)
    }

    async fn head(&self, key: &Key) -> StoreResult<Option<ObjectMeta>> {
        self.plain_file(key, "head").await?;
        absent_behind_a_file(self.objects.head(key).await)
    }

    fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        walk::list(self.root.clone(), prefix.clone(), depth)
    }

    fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        staging::list(self.root.clone(), prefix.clone())
    }

    async fn abort_upload(&self, upload: &UnfinishedUpload) -> StoreResult<()> {
        let file = self.file(&upload.key, "abort upload")?;
        let (key, staged) = (upload.key.clone(), staging::path(&file, &upload.id));
        let Some(staged) = staged else {
            return Err(
                StoreError::new(StoreErrorKind::Other, "abort upload", &key).because("no such id was ever given")
            );
        };
        let root = self.root.clone();
        blocking("abort upload", &upload.key, move || remove(&root, &staged)).await
    }

    async fn delete(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        let mut results = Vec::with_capacity(keys.len());
        for key in keys {
            results.push(self.delete_one(key).await);
        }
        results
    }

    async fn copy(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>> {
        self.plain_file(from, "copy").await?;
        self.plain_file(to, "copy").await?;
        self.objects.copy(from, to).await
    }
}

impl FileStore {
    async fn delete_one(&self, key: &Key) -> StoreResult<()> {
        let file = self.plain_file(key, "delete").await?;
        let root = self.root.clone();
        blocking("delete", key, move || remove(&root, &file)).await
    }
}

/// `a/b` cannot be an object while `a` is one: it is absent, as it would be in any other store.
fn absent_behind_a_file<T>(result: StoreResult<Option<T>>) -> StoreResult<Option<T>> {
    match result {
        Err(error) if error.kind() == StoreErrorKind::InvalidKey => Ok(None),
        result => result,
    }
}

/// Removes a file, if it is there, for good, and the folders that it leaves empty.
fn remove(root: &Path, file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(error),
    }
    let mut folder = file.parent();
    while let Some(empty) = folder.filter(|folder| *folder != root && folder.starts_with(root)) {
        match std::fs::remove_dir(empty) {
            Ok(()) => folder = empty.parent(),
            // Taken by another run, or removed by it.
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => break,
            Err(error) => return Err(error),
        }
    }
    sync_nearest(file.parent(), root)
}

/// Syncs the nearest folder that still exists, so that a removal survives a power cut.
fn sync_nearest(mut folder: Option<&Path>, root: &Path) -> io::Result<()> {
    while let Some(candidate) = folder {
        match std::fs::File::open(candidate) {
            Ok(open) => return open.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::NotFound && candidate != root => folder = candidate.parent(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

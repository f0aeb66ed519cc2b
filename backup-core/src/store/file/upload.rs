//! Multipart uploads into one staging file, which is renamed when it is complete.

use super::{blocking::blocking, staging};
use crate::store::{ETag, Key, PutReceipt, StoreResult, Upload};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use std::{
    collections::BTreeMap,
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[derive(Debug)]
struct FileUpload {
    key: Key,
    id: String,
    file: PathBuf,
    staged: PathBuf,
    parts: Arc<Mutex<Parts>>,
}

/// Parts at their places. The place of the last part, the only shorter one, is known once any other has come.
#[derive(Debug)]
struct Parts {
    open: File,
    size: u64,
    lengths: BTreeMap<usize, u64>,
    /// Set by the rename: completing again is answered, not done, again.
    done: Option<PutReceipt>,
}

pub(super) async fn begin(key: Key, file: PathBuf) -> StoreResult<Box<dyn Upload>> {
    let target = file.clone();
    let (open, staged, id) = blocking("begin upload", &key, move || staging::create(&target)).await?;
    let parts = Parts {
        open,
        size: 0,
        lengths: BTreeMap::new(),
        done: None,
    };
    Ok(Box::new(FileUpload {
        key,
        id,
        file,
        staged,
        parts: Arc::new(Mutex::new(parts)),
    }))
}

impl Upload for FileUpload {
    fn id(&self) -> &str {
        &self.id
    }

    fn put_part(&self, index: usize, body: Bytes) -> BoxFuture<'static, StoreResult<()>> {
        let (parts, key) = (self.parts.clone(), self.key.clone());
        async move { blocking("put part", &key, move || lock(&parts).put(index, &body)).await }.boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, StoreResult<PutReceipt>> {
        let (parts, staged, file) = (self.parts.clone(), self.staged.clone(), self.file.clone());
        blocking("complete upload", &self.key, move || {
            lock(&parts).complete(&staged, &file)
        })
        .boxed()
    }

    fn abort(&mut self) -> BoxFuture<'_, StoreResult<()>> {
        let staged = self.staged.clone();
        let remove = move || match std::fs::remove_file(staged) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        blocking("abort upload", &self.key, remove).boxed()
    }
}

impl Parts {
    fn put(&mut self, index: usize, body: &[u8]) -> io::Result<()> {
        let length = body.len() as u64;
        if length > self.size {
            self.grow(length)?;
        }
        self.open.write_all_at(body, offset(index, self.size)?)?;
        self.lengths.insert(index, length);
        Ok(())
    }

    /// The first part of full size tells where the last one, if it came before, belongs.
    fn grow(&mut self, size: u64) -> io::Result<()> {
        if self.lengths.len() > 1 {
            return Err(io::Error::other("parts of different sizes"));
        }
        let (old, lengths) = (self.size, std::mem::take(&mut self.lengths));
        self.size = size;
        for (index, length) in lengths {
            let mut last = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            self.open.read_exact_at(&mut last, offset(index, old)?)?;
            self.open.write_all_at(&last, offset(index, size)?)?;
            self.lengths.insert(index, length);
        }
        Ok(())
    }

    fn complete(&mut self, staged: &Path, file: &Path) -> io::Result<PutReceipt> {
        if let Some(done) = &self.done {
            return Ok(done.clone());
        }
        self.open.set_len(self.length()?)?;
        self.open.sync_all()?;
        let receipt = PutReceipt {
            etag: Some(etag(&self.open.metadata()?)),
            ..PutReceipt::default()
        };
        std::fs::rename(staged, file)?;
        self.done = Some(receipt.clone());
        let folder = file.parent().ok_or(io::ErrorKind::InvalidInput)?;
        File::open(folder)?.sync_all()?;
        Ok(receipt)
    }

    /// The length of all parts, if none is missing and only the last is shorter.
    fn length(&self) -> io::Result<u64> {
        let last = self.lengths.len().saturating_sub(1);
        let fits =
            |(at, (index, length)): (usize, (&usize, &u64))| at == *index && (at == last || *length == self.size);
        if self.lengths.iter().enumerate().all(fits) {
            Ok(self.lengths.values().sum())
        } else {
            Err(io::Error::other("a part is missing, or shorter than the others"))
        }
    }
}

fn offset(index: usize, size: u64) -> io::Result<u64> {
    let offset = u64::try_from(index).ok().and_then(|index| index.checked_mul(size));
    offset.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))
}

/// The tag that `object_store` gives the same file: inode, time and length.
fn etag(facts: &Metadata) -> ETag {
    let micros = i128::from(facts.mtime()) * 1_000_000 + i128::from(facts.mtime_nsec()) / 1000;
    ETag(format!("\"{:x}-{micros:x}-{:x}\"", facts.ino(), facts.len()))
}

fn lock(parts: &Mutex<Parts>) -> MutexGuard<'_, Parts> {
    parts.lock().unwrap_or_else(PoisonError::into_inner)
}

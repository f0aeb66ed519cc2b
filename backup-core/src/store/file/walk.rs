//! Listing a folder: what is in it, whatever its name is.

use super::{blocking, staging};
use crate::store::{ETag, Key, ListDepth, ListEntry, ObjectMeta, StoreResult};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use std::{
    fs::{DirEntry, Metadata},
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

struct Walk {
    root: PathBuf,
    prefix: Key,
    depth: ListDepth,
    folders: Vec<PathBuf>,
}

/// What begins with `prefix`, folder by folder; memory is one folder. Files alone are objects: a link, a pipe or a device is none, and nothing of it is opened. A name
/// is its bytes, whatever they are: what this store cannot address is told as what it is called.
pub(super) fn list(root: PathBuf, prefix: Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
    let walk = Walk {
        folders: vec![root.clone()],
        root,
        prefix,
        depth,
    };
    stream::try_unfold(walk, |mut walk| async move {
        let Some(folder) = walk.folders.pop() else {
            return Ok(None);
        };
        let (root, prefix, depth) = (walk.root.clone(), walk.prefix.clone(), walk.depth);
        let read = move || read_folder(&folder, &root, &prefix, depth);
        let (found, folders) = blocking::blocking("list", &walk.prefix, read).await?;
        walk.folders.extend(folders);
        Ok(Some((stream::iter(found.into_iter().map(Ok)), walk)))
    })
    .flat_map(|folder| match folder {
        Ok(found) => found.boxed(),
        Err(error) => stream::iter([Err(error)]).boxed(),
    })
    .boxed()
}

/// What is listed of a folder, and the folders in it that are read next.
fn read_folder(
    folder: &Path,
    root: &Path,
    prefix: &Key,
    depth: ListDepth,
) -> io::Result<(Vec<ListEntry>, Vec<PathBuf>)> {
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // Gone since it was seen, or never there.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok((found, folders));
        }
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_file() {
            found.extend(object(&entry, root, prefix)?);
        } else if kind.is_dir() {
            let path = entry.path();
            let key = key_of(&path, root).with("/");
            let within = key.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
            match depth {
                ListDepth::Delimited if within => found.push(ListEntry::Folder(key)),
                ListDepth::Flat if within => folders.push(path),
                _ if prefix.strip_prefix(&key).is_some() => folders.push(path),
                _ => {}
            }
        }
    }
    Ok((found, folders))
}

fn object(entry: &DirEntry, root: &Path, prefix: &Key) -> io::Result<Option<ListEntry>> {
    let key = key_of(&entry.path(), root);
    let being_written = entry
        .file_name()
        .to_str()
        .is_some_and(|name| staging::split(name).is_some());
    if being_written || key.strip_prefix(prefix).is_none() {
        return Ok(None);
    }
    match entry.metadata() {
        Ok(facts) => Ok(Some(ListEntry::Object(ObjectMeta {
            key,
            length: facts.len(),
            modified: Timestamp::try_from(facts.modified()?).map_err(io::Error::other)?,
            etag: Some(etag(&facts)),
            encryption: None,
        }))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// As `object_store` makes it of a local file (`local.rs`, `get_etag`).
fn etag(facts: &Metadata) -> ETag {
    let modified = facts.modified().ok();
    let since = modified.and_then(|modified| modified.duration_since(SystemTime::UNIX_EPOCH).ok());
    let micros = since.unwrap_or_default().as_micros();
    ETag(format!("\"{:x}-{micros:x}-{:x}\"", facts.ino(), facts.len()))
}

fn key_of(path: &Path, root: &Path) -> Key {
    let rest = path.strip_prefix(root).map(|rest| rest.as_os_str().as_bytes().to_vec());
    Key::new(rest.unwrap_or_default())
}

//! Files that are being written: `name#N` beside `name`, as `object_store` names them too.

use super::blocking;
use crate::store::{Key, StoreResult, UnfinishedUpload};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The name and the id of a staging file's name.
pub(super) fn split(name: &str) -> Option<(&str, &str)> {
    let (name, id) = name.rsplit_once('#')?;
    let is_id = !name.is_empty() && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then_some((name, id))
}

/// The staging file of upload `id` to `file`; `None` if that is no id.
pub(super) fn path(file: &Path, id: &str) -> Option<PathBuf> {
    let mut path = file.as_os_str().to_owned();
    path.push("#");
    path.push(id);
    let is_id = !id.is_empty() && id.len() <= 11 && id.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then(|| path.into())
}

/// Makes a fresh staging file for `file`, and the folders that it needs.
pub(super) fn create(file: &Path) -> io::Result<(File, PathBuf, String)> {
    let folder = file.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut id = 1_u32;
    loop {
        let text = id.to_string();
        let staged = path(file, &text).ok_or(io::ErrorKind::InvalidInput)?;
        match OpenOptions::new().read(true).write(true).create_new(true).open(&staged) {
            Ok(open) => return Ok((open, staged, text)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => id += 1,
            // Also when a deletion removed the folder in between.
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_folders(folder)?,
            Err(error) => return Err(error),
        }
    }
}

/// Makes `folder` and its parents and syncs each into its own parent.
fn make_folders(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    std::fs::create_dir_all(folder)?;
    for made in missing.iter().filter_map(|made| made.parent()) {
        File::open(made)?.sync_all()?;
    }
    Ok(())
}

struct Walk {
    root: PathBuf,
    prefix: Key,
    folders: Vec<PathBuf>,
}

/// All staging files of keys under `prefix`, folder by folder.
pub(super) fn list(root: PathBuf, prefix: Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
    let walk = Walk {
        folders: vec![root.clone()],
        root,
        prefix,
    };
    stream::try_unfold(walk, |mut walk| async move {
        let Some(folder) = walk.folders.pop() else {
            return Ok(None);
        };
        let (root, prefix) = (walk.root.clone(), walk.prefix.clone());
        let read = move || read_folder(&folder, &root, &prefix);
        let (found, folders) = blocking("list uploads", &walk.prefix, read).await?;
        walk.folders.extend(folders);
        Ok(Some((stream::iter(found.into_iter().map(Ok)), walk)))
    })
    .flat_map(|folder| match folder {
        Ok(found) => found.boxed(),
        Err(error) => stream::iter([Err(error)]).boxed(),
    })
    .boxed()
}

fn read_folder(folder: &Path, root: &Path, prefix: &Key) -> io::Result<(Vec<UnfinishedUpload>, Vec<PathBuf>)> {
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((found, folders)),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if leads_to(&path, root, prefix) {
                folders.push(path);
            }
        } else if let Some(upload) = staged_upload(&path, root, prefix)? {
            found.push(upload);
        }
    }
    Ok((found, folders))
}

fn key_of<'a>(path: &'a Path, root: &Path) -> &'a [u8] {
    path.strip_prefix(root)
        .map_or(&[][..], |rest| rest.as_os_str().as_bytes())
}

fn leads_to(folder: &Path, root: &Path, prefix: &Key) -> bool {
    let folder = key_of(folder, root);
    folder.starts_with(prefix.as_bytes()) || prefix.as_bytes().starts_with(folder)
}

fn staged_upload(path: &Path, root: &Path, prefix: &Key) -> io::Result<Option<UnfinishedUpload>> {
    let name = std::str::from_utf8(key_of(path, root)).unwrap_or_default();
    let Some((key, id)) = split(name).filter(|(key, _)| key.as_bytes().starts_with(prefix.as_bytes())) else {
        return Ok(None);
    };
    let initiated = match std::fs::metadata(path) {
        Ok(facts) => Timestamp::try_from(facts.modified()?).map_err(io::Error::other)?,
        // Completed in between.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(UnfinishedUpload {
        key: Key::from(key),
        id: id.to_owned(),
        initiated: Some(initiated),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_after_a_name_makes_a_staging_file() {
        assert_eq!(split("a/b#12"), Some(("a/b", "12")));
        for other in ["a", "a#", "#1", "a#b", "a#1b"] {
            assert_eq!(split(other), None, "{other}");
        }
        assert_eq!(path(Path::new("/r/a"), "../x"), None);
    }
}

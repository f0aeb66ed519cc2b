//! Reading a small object whole.

use crate::{
    Error, ErrorKind, Result,
    store::{Download, Key, ObjectMeta, Store},
};
use bytes::Bytes;
use futures::TryStreamExt;

/// Reads the object under `key`; `None` if there is none. Memory is its length, at most `limit` bytes. Cancel-safe.
///
/// # Errors
/// [`ErrorKind::Damaged`] if it is longer than `limit`, or of another length than the store says.
pub async fn fetch(store: &dyn Store, key: &Key, limit: u64) -> Result<Option<(Bytes, ObjectMeta)>> {
    match store.get(key, None, None).await? {
        Some(download) => collect(key, download, limit).await.map(Some),
        None => Ok(None),
    }
}

/// The whole body of `download`, as [`fetch`].
pub(super) async fn collect(key: &Key, mut download: Download, limit: u64) -> Result<(Bytes, ObjectMeta)> {
    let length = download.meta.length;
    let mut body = Vec::new();
    while let Some(chunk) = download.body.try_next().await? {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > limit {
            return Err(wrong_length(key, &format!("longer than {limit} bytes")));
        }
    }
    if body.len() as u64 != length {
        return Err(wrong_length(
            key,
            &format!("{} bytes where the store says {length}", body.len()),
        ));
    }
    Ok((body.into(), download.meta))
}

fn wrong_length(key: &Key, what: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("{key} is {what}"))
}

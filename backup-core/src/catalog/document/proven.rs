//! Bytes of a document, of which only those that somebody known signed take much memory.

use super::{Kind, SignatureLine, damaged};
use crate::{
    Error, ErrorKind, Result,
    catalog::fetch,
    keys::Keyring,
    store::{Download, Key, ObjectMeta, Store},
};
use bytes::Bytes;
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

/// Longest second line, in bytes: far above any real one.
const LONGEST_LINE: usize = 1024;

/// The bytes under `key`; `None` if there are none. A long document is read once for its digest and signature alone, in constant memory, and only what proves to be of
/// somebody known is read a second time, the same version, and kept.
///
/// # Errors
/// [`ErrorKind::Damaged`] if it is too long or its digest or signature is wrong; [`ErrorKind::Refused`] if it is long and nobody known signed it; those of the store.
pub(super) async fn fetch_proven(
    store: &dyn Store,
    key: &Key,
    kind: Kind,
    keyring: Option<&Keyring>,
) -> Result<Option<(Bytes, ObjectMeta)>> {
    let Some(download) = store.get(key, None, None).await? else {
        return Ok(None);
    };
    if download.meta.length <= kind.unproven_limit() {
        return fetch::collect(key, download, kind.unproven_limit()).await.map(Some);
    }
    let etag = download.meta.etag.clone();
    let proven = prove(download, kind, keyring).await;
    proven.map_err(|error| error.context(format!("read {key}")))?;
    match store.get(key, None, etag.as_ref()).await? {
        Some(download) => fetch::collect(key, download, kind.limit()).await.map(Some),
        None => Ok(None),
    }
}

/// Hashes the line of JSON as it goes by, and demands that somebody known signed it.
async fn prove(mut download: Download, kind: Kind, keyring: Option<&Keyring>) -> Result<()> {
    if download.meta.length > kind.limit() {
        return Err(damaged(kind, "it is too long"));
    }
    let (mut json, mut line, mut in_line) = (Sha256::new(), Vec::new(), false);
    while let Some(bytes) = download.body.try_next().await? {
        let end = match in_line {
            true => 0,
            false => bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len()),
        };
        json.update(&bytes[..end]);
        // With the line feed that ends the JSON.
        line.extend_from_slice(&bytes[end..]);
        in_line |= end < bytes.len();
        if line.len() > LONGEST_LINE {
            return Err(damaged(kind, "it is not one line of JSON and one of signature"));
        }
    }
    let malformed = || damaged(kind, "the signature line is malformed");
    let text = std::str::from_utf8(&line)
        .ok()
        .and_then(|text| text.strip_prefix('\n')?.strip_suffix('\n'));
    let line = text
        .and_then(|text| SignatureLine::parse(text, kind))
        .ok_or_else(malformed)?;
    if line.digest != <[u8; 32]>::from(json.finalize()) {
        return Err(damaged(kind, "the digest is wrong"));
    }
    match line.trust(kind, keyring)?.is_signed() {
        true => Ok(()),
        false => Err(too_long(kind, download.meta.length)),
    }
}

fn too_long(kind: Kind, length: u64) -> Error {
    let limit = kind.unproven_limit();
    let message = format!(
        "the {} document has {length} bytes, and of one that no known key signed no more than {limit} are looked at",
        kind.name()
    );
    Error::new(ErrorKind::Refused, message).hint("give the key file, or the `verify` line, of who signed it")
}

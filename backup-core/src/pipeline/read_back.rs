//! Compares what the store gives with what was recorded.

use crate::{
    Error, ErrorKind, Result,
    catalog::StoredObject,
    seal::PREAMBLE_LEN,
    store::{Key, Store},
};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

/// Longest header that `docs/FORMAT.md` allows, so that a false record cannot take memory.
const MAX_HEADER: u64 = 8 + 4 + 4096 + 4 + 16384 + 32;

/// Reads a whole object, compares its length and digest with the record, and returns its beginning: the bytes before the payload, which the digest does
/// not cover, and the preamble that is needed to open them. Whoever calls compares them with what was sent, or opens them. Constant memory.
///
/// # Errors
/// [`ErrorKind::Damaged`] naming the key if the object is missing, or longer, shorter or other than recorded; the store's error if it cannot be read.
pub async fn read_back(store: &dyn Store, object: &StoredObject) -> Result<Vec<u8>> {
    let key = Key::from(object.key.as_str());
    let damaged = |what: String| Error::new(ErrorKind::Damaged, format!("{} {what}", store.location().of(&key)));
    if object.payload_offset > MAX_HEADER {
        return Err(damaged("is recorded with an impossible header".to_owned()));
    }
    let Some(download) = store.get(&key, None, None).await? else {
        return Err(damaged("is missing".to_owned()));
    };
    // An object that the store encrypts has no beginning of ours.
    let begin = if object.payload_offset == 0 {
        0
    } else {
        object.payload_offset + PREAMBLE_LEN as u64
    };
    let (mut header, mut length, mut digest) = (Vec::new(), 0u64, Sha256::new());
    let mut body = download.body;
    while let Some(bytes) = body.try_next().await? {
        let until = |end: u64| {
            usize::try_from(end.saturating_sub(length))
                .unwrap_or(usize::MAX)
                .min(bytes.len())
        };
        header.extend_from_slice(&bytes[..until(begin)]);
        digest.update(&bytes[until(object.payload_offset)..]);
        length += bytes.len() as u64;
    }
    if length != object.length {
        return Err(damaged(format!(
            "has {length} bytes where {} were recorded",
            object.length
        )));
    }
    if digest.finalize().as_slice() != object.sha256 {
        return Err(damaged("does not have the recorded digest".to_owned()));
    }
    Ok(header)
}

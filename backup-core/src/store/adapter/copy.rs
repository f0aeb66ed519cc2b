//! Copies inside the store.

use super::{
    Adapter, Listing,
    failure::{is_absent, store_error},
    s3_requests::{PartCopy, S3Requests},
};
use crate::store::{Key, ObjectMeta, PutReceipt, StoreError, StoreErrorKind, StoreResult};
use object_store::{ObjectStoreExt, multipart::PartId};
use std::ops::Range;

impl Adapter {
    /// An object that is longer than a part of a copy is copied part by part: S3 refuses to copy more than 5 GiB at once.
    pub(super) async fn copy_object(&self, from: &Key, to: &Key) -> StoreResult<Option<PutReceipt>> {
        let Some(source) = self.head_object(from).await? else {
            return Ok(None);
        };
        match &self.0.listing {
            Listing::S3(requests) if source.length > self.0.copy_part => self.copy_parts(requests, &source, to).await?,
            _ => {
                let (source, target) = (self.path(from, "copy")?, self.path(to, "copy")?);
                match self.0.objects.copy(&source, &target).await {
                    Ok(()) => {}
                    Err(error) if is_absent(&error) => return Ok(None),
                    Err(error) => return Err(store_error(&error, "copy", to)),
                }
            }
        }
        // `object_store` drops the answer to a copy.
        let Some(meta) = self.head_object(to).await? else {
            return Err(StoreError::new(StoreErrorKind::Changed, "copy", to).because("the copy is gone again"));
        };
        let receipt = PutReceipt {
            etag: meta.etag,
            version: None,
            encryption: meta.encryption,
        };
        self.confirm(to, "copy", receipt).await.map(Some)
    }

    async fn copy_parts(&self, requests: &S3Requests, source: &ObjectMeta, to: &Key) -> StoreResult<()> {
        let (parts, path) = (self.parts("copy", to)?, self.path(to, "copy")?);
        let failed = |error: object_store::Error| store_error(&error, "copy", to);
        let upload = parts.create_multipart(&path).await.map_err(failed)?;
        let copied = async {
            let mut done = Vec::new();
            for (number, range) in (1..).zip(ranges(source.length, self.0.copy_part)) {
                let part = PartCopy {
                    source,
                    range,
                    to,
                    upload: &upload,
                    number,
                };
                let content_id = requests.copy_part(part).await?;
                done.push(PartId { content_id });
            }
            parts.complete_multipart(&path, &upload, done).await.map_err(failed)
        };
        match copied.await {
            Ok(_) => Ok(()),
            Err(error) => {
                if let Err(left) = self.abort_by_id(to, &upload).await {
                    tracing::warn!(key = %to, error = %left, "the unfinished copy could not be aborted; prune will remove it");
                }
                Err(error)
            }
        }
    }
}

/// `length` bytes in ranges of `part`.
fn ranges(length: u64, part: u64) -> impl Iterator<Item = Range<u64>> {
    let part = part.max(1);
    (0..length.div_ceil(part)).map(move |number| number * part..length.min((number + 1) * part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_every_byte_once() {
        assert_eq!(ranges(11, 5).collect::<Vec<_>>(), [0..5, 5..10, 10..11]);
        assert_eq!(ranges(10, 5).count(), 2);
    }
}

//! Reading: `get` and `head`.

use super::{
    Adapter, Listing, encryption,
    failure::{is_absent, is_named, store_error},
};
use crate::store::{Download, ETag, Key, ObjectMeta, StoreError, StoreErrorKind, StoreResult};
use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use object_store::{GetOptions, GetRange};
use std::ops::Range;

impl Adapter {
    pub(super) async fn head_object(&self, key: &Key) -> StoreResult<Option<ObjectMeta>> {
        let path = self.path(key, "head")?;
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.0.objects.get_opts(&path, options).await {
            Ok(answer) => self.meta(key, &answer.meta, &answer.extensions).map(Some),
            Err(error) if is_absent(&error) => self.absent(&error, key).await.map(|()| None),
            Err(error) => Err(store_error(&error, "head", key)),
        }
    }

    pub(super) async fn get_object(
        &self,
        key: &Key,
        range: Option<Range<u64>>,
        pin: Option<&ETag>,
    ) -> StoreResult<Option<Download>> {
        if range.as_ref().is_some_and(|range| range.start >= range.end) {
            return self.get_nothing(key, pin).await;
        }
        let path = self.path(key, "get")?;
        let options = GetOptions {
            if_match: pin.map(|tag| tag.0.clone()),
            range: range.clone().map(GetRange::Bounded),
            ..GetOptions::default()
        };
        match self.0.objects.get_opts(&path, options).await {
            Ok(answer) => {
                let meta = self.meta(key, &answer.meta, &answer.extensions)?;
                let length = answer.range.end.saturating_sub(answer.range.start);
                let body = whole(key.clone(), length, answer.into_stream());
                Ok(Some(Download { meta, body }))
            }
            Err(error) if is_absent(&error) => self.absent(&error, key).await.map(|()| None),
            Err(error) => self.get_failed(key, range, pin, &error).await,
        }
    }

    /// Stores refuse a range that begins at or after the end; the trait promises an empty one.
    async fn get_failed(
        &self,
        key: &Key,
        range: Option<Range<u64>>,
        pin: Option<&ETag>,
        error: &object_store::Error,
    ) -> StoreResult<Option<Download>> {
        let failed = store_error(error, "get", key);
        match (failed.kind(), range) {
            (StoreErrorKind::Conflict, _) if pin.is_some() => Err(changed(key)),
            (StoreErrorKind::Other, Some(range)) => match self.get_nothing(key, pin).await? {
                Some(download) if download.meta.length <= range.start => Ok(Some(download)),
                _ => Err(failed),
            },
            _ => Err(failed),
        }
    }

    /// Facts of an object with no bytes of it.
    async fn get_nothing(&self, key: &Key, pin: Option<&ETag>) -> StoreResult<Option<Download>> {
        let Some(meta) = self.head_object(key).await? else {
            return Ok(None);
        };
        if pin.is_some() && meta.etag.as_ref() != pin {
            return Err(changed(key));
        }
        let body = stream::empty().boxed();
        Ok(Some(Download { meta, body }))
    }

    /// An answer without a body (to HEAD) does not tell a missing object from a missing bucket: one more question does.
    async fn absent(&self, error: &object_store::Error, key: &Key) -> StoreResult<()> {
        match &self.0.listing {
            Listing::S3(requests) if !is_named(error) => requests.see_bucket(key).await,
            _ => Ok(()),
        }
    }

    pub(super) fn meta(
        &self,
        key: &Key,
        meta: &object_store::ObjectMeta,
        extensions: &http::Extensions,
    ) -> StoreResult<ObjectMeta> {
        Ok(ObjectMeta {
            key: key.clone(),
            length: meta.size,
            modified: modified(key, meta)?,
            etag: meta.e_tag.clone().map(ETag),
            encryption: encryption::confirmed(extensions),
        })
    }
}

fn modified(key: &Key, meta: &object_store::ObjectMeta) -> StoreResult<Timestamp> {
    let at = meta.last_modified;
    let nanoseconds = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp::new(at.timestamp(), nanoseconds)
        .map_err(|error| StoreError::new(StoreErrorKind::Other, "head", key).because(error))
}

fn changed(key: &Key) -> StoreError {
    StoreError::new(StoreErrorKind::Changed, "get", key)
}

/// Passes a body on and makes its early end an error.
fn whole(
    key: Key,
    length: u64,
    body: BoxStream<'static, object_store::Result<Bytes>>,
) -> BoxStream<'static, StoreResult<Bytes>> {
    stream::try_unfold((key, length, body), |(key, left, mut body)| async move {
        match body.next().await {
            Some(Ok(chunk)) => {
                let left = left.checked_sub(chunk.len() as u64).ok_or_else(|| {
                    StoreError::new(StoreErrorKind::Corrupt, "get", &key).because("more bytes came than were announced")
                })?;
                Ok(Some((chunk, (key, left, body))))
            }
            Some(Err(error)) => Err(store_error(&error, "get", &key)),
            None if left == 0 => Ok(None),
            None => Err(StoreError::new(StoreErrorKind::Interrupted, "get", &key)
                .because(format!("the body ended {left} bytes early"))),
        }
    })
    .boxed()
}

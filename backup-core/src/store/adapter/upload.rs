//! Multipart uploads by the store's own ids.

use super::{
    Adapter, Listing,
    failure::{is_absent, store_error},
    write::receipt,
};
use crate::store::{Key, PutReceipt, StoreError, StoreErrorKind, StoreResult, UnfinishedUpload, Upload};
use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use object_store::{
    PutPayload,
    multipart::{MultipartStore, PartId},
    path::Path,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

impl Adapter {
    pub(super) fn parts(&self, operation: &'static str, key: &Key) -> StoreResult<Arc<dyn MultipartStore>> {
        let unsupported = || StoreError::new(StoreErrorKind::Unsupported, operation, key);
        self.0.parts.clone().ok_or_else(unsupported)
    }

    pub(super) async fn begin_upload(&self, key: &Key) -> StoreResult<Box<dyn Upload>> {
        let parts = self.parts("begin upload", key)?;
        let path = self.path(key, "begin upload")?;
        let id = parts
            .create_multipart(&path)
            .await
            .map_err(|error| store_error(&error, "begin upload", key))?;
        if self.in_memory() {
            self.begun().insert(id.clone(), key.clone());
        }
        Ok(Box::new(PartsUpload {
            store: self.clone(),
            parts,
            key: key.clone(),
            path,
            id,
            sent: Arc::default(),
        }))
    }

    pub(super) async fn abort_by_id(&self, key: &Key, id: &str) -> StoreResult<()> {
        let parts = self.parts("abort upload", key)?;
        let path = self.path(key, "abort upload")?;
        if self.in_memory() && self.begun().remove(id).is_none() {
            return Ok(());
        }
        match parts.abort_multipart(&path, &id.to_owned()).await {
            Ok(()) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => match store_error(&error, "abort upload", key) {
                gone if matches!(gone.kind(), StoreErrorKind::Changed | StoreErrorKind::NoUpload) => Ok(()),
                failed => Err(failed),
            },
        }
    }

    pub(super) fn list_uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        match &self.0.listing {
            Listing::S3(requests) => requests.uploads(prefix),
            Listing::Walk if self.in_memory() => stream::iter(self.begun_under(prefix)).boxed(),
            _ => {
                let unsupported = StoreError::new(StoreErrorKind::Unsupported, "list uploads", prefix);
                stream::iter([Err(unsupported)]).boxed()
            }
        }
    }

    fn begun_under(&self, prefix: &Key) -> Vec<StoreResult<UnfinishedUpload>> {
        let begun = self.begun();
        let under = begun.iter().filter(|(_, key)| key.strip_prefix(prefix).is_some());
        under
            .map(|(id, key)| {
                Ok(UnfinishedUpload {
                    key: key.clone(),
                    id: id.clone(),
                    initiated: None,
                })
            })
            .collect()
    }
}

struct PartsUpload {
    store: Adapter,
    parts: Arc<dyn MultipartStore>,
    key: Key,
    path: Path,
    id: String,
    sent: Arc<Mutex<BTreeMap<usize, PartId>>>,
}

impl fmt::Debug for PartsUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartsUpload({}, {})", self.key, self.id)
    }
}

impl Upload for PartsUpload {
    fn id(&self) -> &str {
        &self.id
    }

    fn put_part(&self, index: usize, body: Bytes) -> BoxFuture<'static, StoreResult<()>> {
        let (parts, path, id) = (self.parts.clone(), self.path.clone(), self.id.clone());
        let (key, sent) = (self.key.clone(), self.sent.clone());
        async move {
            let part = parts
                .put_part(&path, &id, index, PutPayload::from(body))
                .await
                .map_err(|error| store_error(&error, "put part", &key))?;
            lock(&sent).insert(index, part);
            Ok(())
        }
        .boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, StoreResult<PutReceipt>> {
        self.complete_parts().boxed()
    }

    fn abort(&mut self) -> BoxFuture<'_, StoreResult<()>> {
        self.store.abort_by_id(&self.key, &self.id).boxed()
    }
}

impl PartsUpload {
    async fn complete_parts(&self) -> StoreResult<PutReceipt> {
        let parts = self.parts_in_order()?;
        let result = match self.parts.complete_multipart(&self.path, &self.id, parts).await {
            Ok(result) => result,
            Err(error) if is_absent(&error) => {
                let gone = StoreError::new(StoreErrorKind::NoUpload, "complete upload", &self.key);
                return Err(gone.because(error));
            }
            Err(error) => return Err(store_error(&error, "complete upload", &self.key)),
        };
        self.store.begun().remove(&self.id);
        let receipt = self.as_head_tells(receipt(result)).await?;
        self.store.confirm(&self.key, "complete upload", receipt).await
    }

    /// Some stores confirm the encryption, and memory its own tag, only in the answer to HEAD.
    async fn as_head_tells(&self, receipt: PutReceipt) -> StoreResult<PutReceipt> {
        let asked = self.store.0.encryption.as_ref();
        let confirmed = asked.is_none_or(|asked| asked.is_satisfied_by(receipt.encryption.as_ref()));
        if confirmed && !self.store.in_memory() {
            return Ok(receipt);
        }
        Ok(match self.store.head_object(&self.key).await? {
            Some(meta) => PutReceipt {
                etag: meta.etag,
                encryption: meta.encryption,
                ..receipt
            },
            None => receipt,
        })
    }

    fn parts_in_order(&self) -> StoreResult<Vec<PartId>> {
        let sent = lock(&self.sent);
        if sent.keys().copied().eq(0..sent.len()) {
            return Ok(sent.values().cloned().collect());
        }
        Err(StoreError::new(StoreErrorKind::Other, "complete upload", &self.key).because("a part was never sent"))
    }
}

fn lock(sent: &Mutex<BTreeMap<usize, PartId>>) -> MutexGuard<'_, BTreeMap<usize, PartId>> {
    sent.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Writing: `put` and `delete`.

use super::{
    Adapter, encryption,
    failure::{is_absent, store_error},
};
use crate::store::{ETag, Key, PutMode, PutReceipt, ServerEncryption, StoreError, StoreErrorKind, StoreResult};
use bytes::Bytes;
use futures::{StreamExt, stream};
use object_store::{PutOptions, PutPayload, PutResult, UpdateVersion, path::Path};

/// S3 deletes no more at a time.
const DELETED_AT_ONCE: usize = 1000;

impl Adapter {
    pub(super) async fn put_object(&self, key: &Key, body: Bytes, mode: PutMode) -> StoreResult<PutReceipt> {
        let path = self.path(key, "put")?;
        let mode = match mode {
            PutMode::Overwrite => object_store::PutMode::Overwrite,
            PutMode::Create => object_store::PutMode::Create,
            PutMode::Match(tag) => object_store::PutMode::Update(UpdateVersion {
                e_tag: Some(tag.0),
                version: None,
            }),
        };
        let options = PutOptions::from(mode);
        match self.0.objects.put_opts(&path, PutPayload::from(body), options).await {
            Ok(result) => self.confirm(key, "put", receipt(result)).await,
            // `Match` on an object that is gone.
            Err(error) if is_absent(&error) => Err(StoreError::new(StoreErrorKind::Conflict, "put", key)),
            Err(error) => Err(store_error(&error, "put", key)),
        }
    }

    /// Refuses what was written without the encryption that was asked for, and leaves nothing of it.
    pub(super) async fn confirm(
        &self,
        key: &Key,
        operation: &'static str,
        receipt: PutReceipt,
    ) -> StoreResult<PutReceipt> {
        let Some(asked) = &self.0.encryption else {
            return Ok(receipt);
        };
        if asked.is_satisfied_by(receipt.encryption.as_ref()) {
            return Ok(receipt);
        }
        let refused = StoreError::new(StoreErrorKind::NotEncrypted, operation, key);
        let removed = self.delete_objects(std::slice::from_ref(key)).await;
        let left = removed.into_iter().find_map(Result::err);
        Err(refused.because(not_encrypted(asked, receipt.encryption.as_ref(), left)))
    }

    pub(super) async fn delete_objects(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        let mut results = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(DELETED_AT_ONCE) {
            results.extend(self.delete_chunk(chunk).await);
        }
        results
    }

    async fn delete_chunk(&self, keys: &[Key]) -> Vec<StoreResult<()>> {
        let paths: Vec<StoreResult<Path>> = keys.iter().map(|key| self.path(key, "delete")).collect();
        let sent: Vec<(Key, Path)> = keys
            .iter()
            .zip(&paths)
            .filter_map(|(key, path)| Some((key.clone(), path.as_ref().ok()?.clone())))
            .collect();
        let mut answers = self.delete_paths(sent).await.into_iter();
        let answer = |(key, path): (&Key, StoreResult<Path>)| match (key, path) {
            (key, Ok(_)) => answers
                .next()
                .unwrap_or_else(|| Err(StoreError::new(StoreErrorKind::Other, "delete", key))),
            (_, Err(error)) => Err(error),
        };
        keys.iter().zip(paths).map(answer).collect()
    }

    /// One result for each path, in order; a request that failed as a whole fails each.
    async fn delete_paths(&self, sent: Vec<(Key, Path)>) -> Vec<StoreResult<()>> {
        if sent.is_empty() {
            return Vec::new();
        }
        let paths: Vec<_> = sent.iter().map(|(_, path)| Ok(path.clone())).collect();
        let answers: Vec<_> = self
            .0
            .objects
            .delete_stream(stream::iter(paths).boxed())
            .collect()
            .await;
        if let ([Err(error)], [_, _, ..]) = (answers.as_slice(), sent.as_slice()) {
            return sent
                .iter()
                .map(|(key, _)| Err(store_error(error, "delete", key)))
                .collect();
        }
        let missing =
            |key| StoreError::new(StoreErrorKind::Server, "delete", key).because("the store did not answer for it");
        let mut answers = answers.into_iter();
        sent.iter()
            .map(|(key, _)| match answers.next() {
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) if is_absent(&error) => Ok(()),
                Some(Err(error)) => Err(store_error(&error, "delete", key)),
                None => Err(missing(key)),
            })
            .collect()
    }
}

pub(super) fn receipt(result: PutResult) -> PutReceipt {
    PutReceipt {
        encryption: encryption::confirmed(&result.extensions),
        etag: result.e_tag.map(ETag),
        version: result.version,
    }
}

fn not_encrypted(asked: &ServerEncryption, answered: Option<&ServerEncryption>, left: Option<StoreError>) -> String {
    let mut text = format!("asked for {asked:?}, the store answered {answered:?}");
    if let Some(error) = left {
        text.push_str(&format!("; what was written could not be removed again: {error}"));
    }
    text
}

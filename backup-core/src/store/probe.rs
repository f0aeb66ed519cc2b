//! What a store really does, found by trying.

use super::{ETag, Features, Key, PutMode, PutReceipt, Store, StoreError, StoreErrorKind, StoreResult};
use crate::{clock::Entropy, id::Nonce};
use bytes::Bytes;

/// Where probes stand.
pub(crate) const PROBES: &str = "_pbe/probe/";

/// Tries conditional puts on a fresh key under `_pbe/probe/` and removes it again, also when something fails.
///
/// Stores exist that answer a conditional put with success and overwrite (SeaweedFS 3.39); so each condition is given a chance to be ignored.
/// Where nothing may be deleted, the probe stays and is reported as an error only if the probing itself failed.
///
/// # Errors
/// Any failure but the refusal of a condition. Cancelled half-way, the probe's key stays, and `prune` removes it a day later.
pub async fn probe(store: &dyn Store, entropy: &dyn Entropy) -> StoreResult<Features> {
    let nonce = Nonce::random(entropy)
        .map_err(|error| StoreError::new(StoreErrorKind::Other, "probe", &Key::root()).because(error))?;
    let key = Key::from(PROBES).with(nonce.to_string());
    let found = try_conditions(store, &key, nonce).await;
    let removed = store.delete(std::slice::from_ref(&key)).await;
    match (found, removed.into_iter().find_map(Result::err)) {
        (Ok(_), Some(error)) if error.kind() != StoreErrorKind::Forbidden => Err(error),
        (found, _) => found,
    }
}

async fn try_conditions(store: &dyn Store, key: &Key, nonce: Nonce) -> StoreResult<Features> {
    let body = |step: &str| Bytes::from(format!("probe {nonce} {step}\n"));
    let first = match store.put(key, body("created"), PutMode::Create).await {
        Err(error) if error.kind() == StoreErrorKind::Unsupported => {
            store.put(key, body("written"), PutMode::Overwrite).await?
        }
        result => result?,
    };
    let conditional_create = refused(store.put(key, body("created again"), PutMode::Create).await)?;
    let conditional_match = match written_tag(store, key, first).await? {
        Some(tag) => try_match(store, key, tag, &body).await?,
        None => false,
    };
    Ok(Features {
        conditional_create,
        conditional_match,
    })
}

/// A stale tag must be refused and the present one accepted.
async fn try_match(store: &dyn Store, key: &Key, tag: ETag, body: &impl Fn(&str) -> Bytes) -> StoreResult<bool> {
    match store.put(key, body("matched"), PutMode::Match(tag.clone())).await {
        Ok(_) => refused(store.put(key, body("matched again"), PutMode::Match(tag)).await),
        // Refusing the present tag is no better than ignoring a stale one.
        Err(error) if matches!(error.kind(), StoreErrorKind::Unsupported | StoreErrorKind::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn written_tag(store: &dyn Store, key: &Key, first: PutReceipt) -> StoreResult<Option<ETag>> {
    // If the second create was not refused, the first tag is stale already.
    let now = store.head(key).await?;
    Ok(now.and_then(|meta| meta.etag).or(first.etag))
}

fn refused(result: StoreResult<PutReceipt>) -> StoreResult<bool> {
    match result {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(true),
        Err(error) if error.kind() == StoreErrorKind::Unsupported => Ok(false),
        Err(error) => Err(error),
    }
}

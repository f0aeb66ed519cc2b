//! Committing a manifest: from here on the backup exists.

use super::{Claim, Lease, Manifest, MarkerState, Repository, document, fetch, layout, started};
use crate::{
    Context, Error, ErrorKind, Result,
    store::{Key, PutMode, StoreErrorKind},
};
use bytes::Bytes;

/// What stands in place of a manifest that could not be deleted.
const WITHDRAWN: &str = "withdrawn\n";

/// Makes the backup exist. The last step of a run, after all its data was written and verified.
///
/// Demanded before: the repository is unchanged, the lease held, the run's own marker stands. After it: the stored bytes are those that were sent,
/// the marker still stands (`prune` writes `condemned` *before* it looks for a manifest, so one of the two always sees the other), the parents
/// exist. If not, the manifest is withdrawn: deleted, or overwritten with what is none where nothing may be deleted.
///
/// After an error of the store the manifest may exist or not; both are fine as long as the data stays, so a failed commit is left as it is and
/// `prune` removes it a day later if there is no manifest. Not idempotent. Dropped half-way, the backup exists completely or not at all.
///
/// # Errors
/// [`ErrorKind::Refused`], [`ErrorKind::Locked`] if the run was overtaken; [`ErrorKind::Damaged`] if the store keeps other bytes.
pub async fn commit(
    cx: &Context,
    repository: &Repository,
    lease: &Lease,
    claim: &Claim,
    manifest: &Manifest,
) -> Result<()> {
    check(repository, claim, manifest)?;
    let key = layout::manifest(claim.id);
    let bytes = document::encode(manifest, cx.keyring.as_deref())?;
    repository.confirm_unchanged(cx).await?;
    lease.confirm().await?;
    demand_marker(cx, claim).await?;
    put(cx, &key, &bytes).await?;
    let stands = confirm(cx, claim, manifest, &bytes).await;
    match stands {
        Err(error) if matches!(error.kind(), ErrorKind::Refused | ErrorKind::Damaged) => {
            Err(match withdraw(cx, &key).await {
                Ok(()) => error,
                Err(left) => error.hint(format!("its manifest could not be withdrawn: {}", left.chain())),
            })
        }
        other => other,
    }
}

fn check(repository: &Repository, claim: &Claim, manifest: &Manifest) -> Result<()> {
    manifest.check(claim.id, repository.id)?;
    let planned = claim.keys.iter().cloned().collect::<layout::OwnedKeys>();
    if let Some(key) = manifest.owned_keys().find(|key| !planned.contains(key)) {
        return Err(Error::new(
            ErrorKind::Internal,
            format!("the manifest names {key}, which the run never claimed"),
        ));
    }
    if manifest.nonce != claim.nonce {
        return Err(Error::new(ErrorKind::Internal, "the manifest is that of another run"));
    }
    Ok(())
}

async fn put(cx: &Context, key: &Key, bytes: &Bytes) -> Result<()> {
    let mode = if cx.features.conditional_create {
        PutMode::Create
    } else {
        PutMode::Overwrite
    };
    match cx.store.put(key, bytes.clone(), mode).await {
        // Our own first try whose answer was lost, or somebody else's: only what is there can tell.
        Err(error) if error.kind() == StoreErrorKind::Conflict && stored(cx, key).await?.as_ref() == Some(bytes) => {
            Ok(())
        }
        Err(error) if error.kind() == StoreErrorKind::Conflict => {
            // Not withdrawn: it is not ours.
            Err(Error::new(ErrorKind::Internal, format!("{key} was there before this run wrote it")).because(error))
        }
        other => Ok(other.map(drop)?),
    }
}

/// Whoever may not delete overwrites: what shows as damaged is never restored, nor taken for a backup whose data may be gone.
async fn withdraw(cx: &Context, key: &Key) -> Result<()> {
    for result in cx.store.delete(std::slice::from_ref(key)).await {
        match result {
            Err(error) if error.kind() == StoreErrorKind::Forbidden => {
                if cx.store.head(key).await?.is_some() {
                    cx.store.put(key, WITHDRAWN.into(), PutMode::Overwrite).await?;
                }
            }
            other => other?,
        }
    }
    Ok(())
}

async fn stored(cx: &Context, key: &Key) -> Result<Option<Bytes>> {
    let read = fetch(cx.store.as_ref(), key, document::Kind::Manifest.limit()).await?;
    Ok(read.map(|(bytes, _)| bytes))
}

async fn confirm(cx: &Context, claim: &Claim, manifest: &Manifest, bytes: &Bytes) -> Result<()> {
    let key = layout::manifest(claim.id);
    if stored(cx, &key).await?.as_ref() != Some(bytes) {
        return Err(Error::new(
            ErrorKind::Damaged,
            format!("the store does not keep {key} as it was sent"),
        )
        .hint("look at the store's health"));
    }
    demand_marker(cx, claim).await?;
    for parent in &manifest.parents {
        if cx.store.head(&layout::manifest(*parent)).await?.is_none() {
            let message = format!("backup {parent}, which {} builds on, was deleted", claim.id);
            return Err(Error::new(ErrorKind::Refused, message).hint("run a full backup"));
        }
    }
    Ok(())
}

async fn demand_marker(cx: &Context, claim: &Claim) -> Result<()> {
    let marker = started::read(cx, &claim.marker()).await?;
    if marker.is_some_and(|marker| marker.value.state == MarkerState::Started) {
        return Ok(());
    }
    let message = format!("`prune` took the run of {} for dead and removed it", claim.id);
    Err(Error::new(ErrorKind::Refused, message).hint("the run took more than a day without a lease; run it again"))
}

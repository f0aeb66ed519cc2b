//! One backup that somebody wants gone, whatever the keep rules say.

use super::{
    PruneRequest,
    execute::{expire, still_ours},
};
use crate::{
    Context, Error, ErrorKind, Result,
    catalog::{Lease, list, remove::Removed},
    id::BackupId,
    target::BackupTarget,
};

/// Demands that backup `id` can be forgotten: it is there, of `target`, and a known key vouches for it. Changes nothing.
///
/// # Errors
/// [`ErrorKind::NotFound`]; [`ErrorKind::Refused`], with what is wrong; those of the store.
pub async fn look(cx: &Context, target: &dyn BackupTarget, request: &PruneRequest, id: BackupId) -> Result<()> {
    let Some(entry) = list::entry(cx, &request.repository, id).await? else {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no backup {id}")));
    };
    if still_ours(cx, target, &entry).is_some() {
        return Ok(());
    }
    let message = match (&entry.manifest, entry.target()) {
        (Err(error), _) => format!("the manifest of {id} cannot be read: {}", error.chain()),
        (Ok(_), Some(other)) if other != target.name() => {
            format!("{id} is a backup of {other}, not of {}", target.name())
        }
        (Ok(_), _) => format!("no known key vouches for {id}"),
    };
    Err(Error::new(ErrorKind::Refused, message))
}

/// Deletes backup `id` under the lease of its target: its manifest first, its data after. Idempotent but for the answer: what was cut half-way is no backup any more,
/// and the next prune removes the rest.
///
/// # Errors
/// As [`look`]; [`ErrorKind::Locked`] if somebody is at work on the target.
pub async fn forget(cx: &Context, target: &dyn BackupTarget, request: &PruneRequest, id: BackupId) -> Result<Removed> {
    request.repository.demand_trust(cx)?;
    let lease = Lease::acquire(cx, target.name(), &request.holder, "forget", request.patience).await?;
    let done = async {
        look(cx, target, request, id).await?;
        expire(cx, (target, request), id).await
    };
    let done = done.await;
    if let Err(error) = lease.release().await {
        tracing::warn!(error = %error.chain(), "the lease could not be given back; it expires in a minute");
    }
    Ok(done?.unwrap_or_default())
}

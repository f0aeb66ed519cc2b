//! A manifest that proves nothing, set aside.

use super::PruneRequest;
use crate::{
    Context, Error, ErrorKind, Result,
    catalog::{Lease, layout, list, remove},
    id::BackupId,
    target::BackupTarget,
};

/// Demands that the manifest of `id` is there, and that no known key vouches for it: nobody signed it, somebody unknown did, or it cannot be read. Changes
/// nothing.
///
/// # Errors
/// [`ErrorKind::NotFound`]; [`ErrorKind::Refused`] if a known key vouches for it, or there is none that could tell; those of the store.
pub async fn look(cx: &Context, request: &PruneRequest, id: BackupId) -> Result<()> {
    if !cx.authenticates() {
        return Err(Error::new(
            ErrorKind::Refused,
            "no key is given that would tell which manifests are ours",
        )
        .hint("give the key file, or the `verify` line, of those who sign (--key-file or BACKUP_KEY_FILE)"));
    }
    let Some(entry) = list::entry(cx, &request.repository, id).await? else {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no manifest {id}")));
    };
    match entry.is_authentic(cx) {
        true => Err(
            Error::new(ErrorKind::Refused, format!("backup {id} is vouched for by a known key"))
                .hint(format!("to delete it all the same: `prune --forget {id}`")),
        ),
        false => Ok(()),
    }
}

/// Deletes the manifest of `id`, and nothing else: it proves nothing about whose the data is that it names. Idempotent but for the answer; atomic.
///
/// # Errors
/// As [`look`]; [`ErrorKind::Locked`] if somebody is at work on the target.
pub async fn forget_unsigned(
    cx: &Context,
    target: &dyn BackupTarget,
    request: &PruneRequest,
    id: BackupId,
) -> Result<()> {
    request.repository.demand_trust(cx)?;
    let lease = Lease::acquire(cx, target.name(), &request.holder, "forget", request.patience).await?;
    let done = async {
        look(cx, request, id).await?;
        remove::delete(cx, &[layout::manifest(id)]).await.map(drop)
    };
    let done = done.await;
    if let Err(error) = lease.release().await {
        tracing::warn!(error = %error.chain(), "the lease could not be given back; it expires in a minute");
    }
    done
}

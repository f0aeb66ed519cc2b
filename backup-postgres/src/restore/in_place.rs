//! Restore onto a database that exists, in one transaction.

use super::{RestoreTarget, feed::restore_into, lock_watch::LockWatch};
use crate::archive::Walked;
use backup_core::Result;
use bytes::Bytes;
use futures::Stream;

/// As documented (`pg_restore --clean --if-exists`), in one transaction: the database is afterwards as in the dump, or as it was.
///
/// Tables that are not in the dump stay ([`crate::surviving_tables`] lists them). Waits for a lock that others hold as long as
/// [`crate::ServerSettings::lock_timeout`] says, then gives up; it never ends sessions of others. Call [`super::lock_need`] first: one transaction holds a
/// lock for every object. Cancel-safe: dropping it rolls back, if need be once a lock is free that it waits for.
///
/// # Errors
/// Those of the stream; `Cancelled`; `Damaged` if the archive is not complete; `SourceUnreachable` and `SourceFailed` with what `pg_restore` wrote, or with the
/// session that holds a lock. After each of them the database is as it was. Only if the connection breaks while the server commits, the error leaves open
/// which of both it is.
pub async fn restore_in_place(
    target: RestoreTarget<'_>,
    dump: impl Stream<Item = Result<Bytes>> + Send + 'static,
) -> Result<Walked> {
    let settings = &target.settings.singled_out("restore");
    let watch = Box::pin(LockWatch::begin(target.settings, &settings.application_name)).await?;
    let target = RestoreTarget { settings, ..target };
    let options = ["--single-transaction", "--clean", "--if-exists"];
    let restored = tokio::select! {
        restored = Box::pin(restore_into(target, &options, dump)) => restored,
        error = watch.too_long() => Err(error),
    };
    match restored {
        Ok(walked) => Ok(walked),
        Err(error) => {
            // The first error is the one that matters: a server that is gone has rolled back as well.
            if let Err(stays) = watch.end_ours().await {
                tracing::warn!("{}", stays.chain());
            }
            Err(error)
        }
    }
}

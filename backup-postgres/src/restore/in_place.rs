//! Restore onto a database that exists, in one transaction.

use super::{RestoreTarget, feed::restore_into};
use crate::archive::Walked;
use backup_core::Result;
use bytes::Bytes;
use futures::Stream;

/// As documented (`pg_restore --clean --if-exists`), in one transaction: the database is afterwards as in the dump, or as it was.
///
/// Tables that are not in the dump stay ([`crate::surviving_tables`] lists them). Waits for locks that others hold. Call [`super::lock_need`] first: one
/// transaction holds a lock for every object. Cancel-safe: dropping it rolls back.
///
/// # Errors
/// Those of the stream; `Cancelled`; `Damaged` if the archive is not complete; `SourceUnreachable` and `SourceFailed` with what `pg_restore` wrote. After each of
/// them the database is as it was. Only if the connection breaks while the server commits, the error leaves open which of both it is.
pub async fn restore_in_place(
    target: RestoreTarget<'_>,
    dump: impl Stream<Item = Result<Bytes>> + Send + 'static,
) -> Result<Walked> {
    restore_into(target, &["--single-transaction", "--clean", "--if-exists"], dump).await
}

//! Statements that are not UTF-8.

use crate::{RawText, Session};
use backup_core::{Result, hex};

/// Runs `statement`, which is in the encoding of the session's database: the session itself sends nothing but UTF-8. Needs the language `plpgsql`, which every
/// database has at first.
///
/// # Errors
/// `SourceFailed`.
pub(crate) async fn execute_raw(session: &Session, statement: &RawText) -> Result<()> {
    let hex = hex::encode(statement.as_bytes());
    let sql = format!(
        "DO 'BEGIN EXECUTE pg_catalog.convert_from(pg_catalog.decode(''{hex}'', ''hex''), pg_catalog.getdatabaseencoding()); END'"
    );
    session.execute(&sql).await
}

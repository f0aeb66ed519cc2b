//! Tables whose rows a standby does not have.

use crate::{
    RawText, Session,
    catalog::OF_USERS,
    raw_text::{bytes_of, get_raw},
    readable::readable,
};
use backup_core::{
    Result,
    event::{Finding, Severity},
};

/// How many names of tables a finding lists.
const NAMED: usize = 5;

/// A finding if the session's database, which is `name` on a standby, has unlogged tables: only the primary has their rows, and `pg_dump` leaves them out
/// without a word. A restore makes them empty.
///
/// # Errors
/// `SourceFailed`.
pub async fn emptied_tables(session: &Session, name: &str) -> Result<Option<Finding>> {
    let table = bytes_of("n.nspname || '.' || c.relname");
    let sql = format!(
        "SELECT {table} FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND {OF_USERS} ORDER BY 1"
    );
    let rows = session.rows(&sql, &[]).await?;
    let tables: Vec<RawText> = rows
        .iter()
        .take(NAMED)
        .map(|row| get_raw(row, 0))
        .collect::<Result<_>>()?;
    let more = if rows.len() > NAMED { ", …" } else { "" };
    let named = readable(session, &tables).await.join(", ");
    Ok((!rows.is_empty()).then(|| Finding {
        severity: Severity::Warning,
        subject: name.to_owned(),
        message: format!(
            "the rows of {} unlogged tables are not in the dump, as the server is a standby, and a restore makes them empty: {named}{more}",
            rows.len()
        ),
        hint: Some("back up the primary, or ALTER TABLE … SET LOGGED".into()),
    }))
}

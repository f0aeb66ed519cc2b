//! Databases and tables of a server.

use crate::{
    Session,
    archive::{Contents, QualifiedName},
    connection::get,
};
use backup_core::Result;
use std::collections::BTreeSet;

/// Every database that can be dumped, by name: neither templates nor those that allow no connections.
///
/// # Errors
/// `SourceFailed`.
pub async fn all_databases(session: &Session) -> Result<Vec<String>> {
    let sql = "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname";
    session.rows(sql, &[]).await?.iter().map(|row| get(row, 0)).collect()
}

/// Those of `databases` that the server does not have.
///
/// # Errors
/// `SourceFailed`.
pub async fn missing_databases(session: &Session, databases: &[String]) -> Result<Vec<String>> {
    let sql = "SELECT wanted FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS w(wanted, place) \
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = wanted) ORDER BY place";
    session
        .rows(sql, &[&databases])
        .await?
        .iter()
        .map(|row| get(row, 0))
        .collect()
}

/// Tables (partitioned and foreign ones too) of the session's database that belong to users and not to an extension.
///
/// # Errors
/// `SourceFailed`.
pub async fn user_tables(session: &Session) -> Result<BTreeSet<QualifiedName>> {
    let sql = "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' \
        AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass \
            AND d.objid = c.oid AND d.deptype = 'e')";
    let rows = session.rows(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(QualifiedName {
                schema: get(row, 0)?,
                name: get(row, 1)?,
            })
        })
        .collect()
}

/// Tables of the session's database that a restore of `contents` with `--clean` neither drops nor replaces: made after the backup.
///
/// Where one of them depends on what is restored (a foreign key to a table, or a schema other than `public` that it is in), the server refuses to drop
/// that, and the restore fails and changes nothing.
///
/// # Errors
/// `SourceFailed`.
pub async fn surviving_tables(session: &Session, contents: &Contents) -> Result<Vec<QualifiedName>> {
    let restored: BTreeSet<_> = contents.tables.iter().collect();
    let tables = user_tables(session).await?;
    Ok(tables.into_iter().filter(|table| !restored.contains(table)).collect())
}

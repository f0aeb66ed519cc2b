//! Databases and tables of a server.

use crate::{
    RawText, Session,
    archive::{Contents, QualifiedName},
    connection::get,
    raw_text::{bytes_of, get_raw},
};
use backup_core::Result;
use std::collections::BTreeSet;

/// Relations of users: not the server's own, not those of a session.
pub(crate) const OF_USERS: &str = "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'";

/// Every database that can be dumped, by name: no template, open for connections, not half dropped, and with a name that can be given to a client program.
/// [`crate::check::databases_left_out`] names the others.
///
/// # Errors
/// `SourceFailed`.
pub async fn all_databases(session: &Session) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT {} FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY datname",
        bytes_of("datname")
    );
    let rows = session.rows(&sql, &[]).await?;
    let names: Vec<RawText> = rows.iter().map(|row| get_raw(row, 0)).collect::<Result<_>>()?;
    Ok(names.iter().filter_map(RawText::as_str).map(str::to_owned).collect())
}

/// Those of `databases` that the server does not have.
///
/// # Errors
/// `SourceFailed`.
pub async fn missing_databases(session: &Session, databases: &[String]) -> Result<Vec<String>> {
    let wanted: Vec<&[u8]> = databases.iter().map(String::as_bytes).collect();
    let sql = format!(
        "SELECT place FROM pg_catalog.unnest($1::pg_catalog.bytea[]) WITH ORDINALITY AS w(wanted, place) \
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE {} = wanted) ORDER BY place",
        bytes_of("datname")
    );
    let rows = session.rows(&sql, &[&wanted]).await?;
    let places: Vec<i64> = rows.iter().map(|row| get(row, 0)).collect::<Result<_>>()?;
    let missing = |(place, name): (i64, &String)| places.contains(&place).then(|| name.clone());
    Ok((1..).zip(databases).filter_map(missing).collect())
}

/// Tables (partitioned and foreign ones too) of the session's database that belong to users and not to an extension.
///
/// # Errors
/// `SourceFailed`.
pub async fn user_tables(session: &Session) -> Result<BTreeSet<QualifiedName>> {
    let sql = format!(
        "SELECT {}, {} FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND {OF_USERS} \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
            AND d.objid = c.oid AND d.deptype = 'e')",
        bytes_of("n.nspname"),
        bytes_of("c.relname")
    );
    let rows = session.rows(&sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(QualifiedName {
                schema: get_raw(row, 0)?,
                name: get_raw(row, 1)?,
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

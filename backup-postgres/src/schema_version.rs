//! The schema version that goose recorded in a database.
//!
//! The table belongs to the database's owner, who may put anything in its place: a view, a foreign table, one with policies, with children, with columns that are
//! computed. To select from those runs his code with the rights of whoever looks. So it is read as `pg_dump` reads tables: by `COPY … TO` of named columns,
//! which takes a table itself, or fails.

use crate::{
    Session,
    connection::{get, quoted},
};
use backup_core::{Error, ErrorKind, Result};
use std::collections::HashMap;

/// Far more than any history of migrations.
const LARGEST: usize = 16 << 20;

/// Every relation that goose may have made, those in `public` first. Columns of a table as goose makes it: of the server's own types, none of them computed.
const TABLES: &str = "SELECT n.nspname, c.relkind = 'r' AND 3 = (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a \
        WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attgenerated = '' \
        AND (a.attname, a.atttypid) IN (('id', 'pg_catalog.int4'::regtype), ('id', 'pg_catalog.int8'::regtype), \
            ('version_id', 'pg_catalog.int8'::regtype), ('is_applied', 'pg_catalog.bool'::regtype))) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relname = 'goose_db_version' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY n.nspname <> 'public', n.nspname";

/// The schema version of the session's database: the highest whose newest record says that it is applied. `None` without a table `goose_db_version`, or
/// before the first migration. The one in the schema `public` counts, else the only one.
///
/// Runs no code of the database's owner.
///
/// # Errors
/// `SourceFailed` if it cannot be read, or somebody holds a lock on it for longer than five seconds; `Refused` if what has this name is not the table
/// that goose makes.
pub async fn schema_version(session: &Session) -> Result<Option<i64>> {
    let rows = session.rows(TABLES, &[]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let schema: &str = get(first, 0)?;
    if schema != "public" && rows.len() > 1 {
        return Err(refused(
            "several schemas have a table goose_db_version, and public has none".into(),
        ));
    }
    if !get::<bool>(first, 1)? {
        return Err(refused(format!(
            "{schema}.goose_db_version is not the table that goose makes, and is left alone"
        )));
    }
    // A migration that hangs, or a restore of this database: no reason to wait as long as they do.
    session.execute("SET lock_timeout = '5s'").await?;
    let sql = format!(
        "COPY {}.goose_db_version (id, version_id, is_applied) TO STDOUT",
        quoted(schema)
    );
    let records = session.copy_out(&sql, LARGEST).await;
    session.execute("SET lock_timeout = 0").await?;
    applied(&records?)
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::Refused, why)
}

/// Lines of `id`, version and `t` or `f`, with tabs between.
fn applied(records: &[u8]) -> Result<Option<i64>> {
    let unread = || {
        Error::new(
            ErrorKind::SourceFailed,
            "goose_db_version holds something else than versions",
        )
    };
    let text = std::str::from_utf8(records).map_err(|error| unread().because(error))?;
    let mut newest: HashMap<i64, (i64, bool)> = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        let mut number = || fields.next().and_then(|field| field.parse::<i64>().ok());
        let (id, version) = number().zip(number()).ok_or_else(unread)?;
        let record = (id, fields.next() == Some("t"));
        let known = newest.entry(version).or_insert(record);
        *known = record.max(*known);
    }
    Ok(newest
        .into_iter()
        .filter(|(_, (_, applied))| *applied)
        .map(|(version, _)| version)
        .max())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_record_of_each_version_counts() {
        assert_eq!(applied(b"").unwrap(), None);
        assert_eq!(applied(b"1\t0\tt\n2\t7\tt\n3\t8\tt\n4\t8\tf\n").unwrap(), Some(7));
        assert_eq!(applied(b"4\t8\tt\n3\t8\tf\n").unwrap(), Some(8));
        assert_eq!(applied(b"1\t-3\tt\n").unwrap(), Some(-3));
        for strange in ["1\t\\N\tt\n", "x\n", "1\t99999999999999999999\tt\n"] {
            assert_eq!(applied(strange.as_bytes()).unwrap_err().kind(), ErrorKind::SourceFailed);
        }
    }
}

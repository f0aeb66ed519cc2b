//! A database that somebody prepared for a restore: extensions and their schemas, and nothing else.

use crate::{
    RawText, Session,
    catalog::OF_USERS,
    raw_text::{bytes_of, get_raw},
    readable::readable,
    survivors::LIVE,
};
use backup_core::{Error, ErrorKind, Result};

/// How many names are told.
const TOLD: &str = "LIMIT 10";

/// # Errors
/// `Refused`, with what is in the session's database.
pub(crate) async fn demand_prepared(session: &Session, database: &str) -> Result<()> {
    let sql = format!(
        "SELECT {} FROM (SELECT 'TABLE' AS kind, relnamespace AS ns, relname::pg_catalog.text AS name, 'pg_catalog.pg_class'::pg_catalog.regclass AS class, oid \
            FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'f') AND relpersistence <> 't' UNION ALL {}) AS o LEFT JOIN pg_catalog.pg_namespace n ON n.oid = ns \
        WHERE kind NOT IN ('EXTENSION', 'SCHEMA') AND (ns IS NULL OR n.oid IS NOT NULL AND {OF_USERS}) AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
            WHERE d.classid = class AND d.objid = o.oid AND d.deptype IN ('e', 'i') AND d.refobjid <> d.objid) ORDER BY kind, name {TOLD}",
        bytes_of("pg_catalog.lower(kind) || ' ' || coalesce(n.nspname || '.', '') || name"),
        LIVE.replace("{users}", OF_USERS)
    );
    let rows = session.rows(&sql, &[]).await?;
    let names: Vec<RawText> = rows.iter().map(|row| get_raw(row, 0)).collect::<Result<_>>()?;
    if names.is_empty() {
        return Ok(());
    }
    let names = readable(session, &names).await.join(", ");
    Err(Error::new(ErrorKind::Refused, format!("{database} is not an empty database: {names}"))
        .hint("a prepared database holds extensions and their schemas alone; to replace what is in it, leave out --into-prepared, or use --swap"))
}

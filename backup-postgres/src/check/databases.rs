//! The databases and what the role may read in them.

use super::server::{finding, of_error};
use crate::{
    RawText, ServerSettings, Session,
    catalog::{OF_USERS, missing_databases},
    hazards::hazards,
    raw_text::{bytes_of, get_raw},
    readable::readable,
};
use backup_core::{
    Result,
    event::{Finding, Severity},
};

/// How many names of unreadable tables a finding lists.
const NAMED: usize = 5;

/// Tables and sequences that `pg_dump` reads and this role may not: without SELECT or USAGE, or filtered by a row security policy (`pg_dump` refuses those).
const UNREADABLE: &str = "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' \
    AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT') \
        AND NOT pg_catalog.row_security_active(c.oid))";

/// Looks whether each of `databases` is there and can be dumped by this role: at least one finding for each, a note where all is well. One session at a time.
///
/// # Errors
/// `SourceFailed` if `session`, to the maintenance database, fails; what is wrong with a database is a finding.
pub async fn check_databases(
    settings: &ServerSettings,
    session: &Session,
    databases: &[String],
) -> Result<Vec<Finding>> {
    let missing = missing_databases(session, databases).await?;
    let mut findings = Vec::new();
    for database in databases {
        if missing.contains(database) {
            findings.push(finding(
                Severity::Error,
                database,
                "the server has no such database".into(),
                Some("create it, or name the databases to back up with --database".into()),
            ));
            continue;
        }
        match look(settings, database).await {
            Ok(found) => findings.extend(found),
            Err(error) => findings.push(of_error(database, &error)),
        }
    }
    Ok(findings)
}

async fn look(settings: &ServerSettings, database: &str) -> Result<Vec<Finding>> {
    let session = Session::connect(settings, database).await?;
    let all = || {
        let message = format!("{} may read all of it", settings.user);
        finding(Severity::Note, database, message, None)
    };
    let unreadable = unreadable(settings, &session, database).await?;
    let mut findings = vec![unreadable.unwrap_or_else(all)];
    findings.extend(hazards(&session, database).await?);
    Ok(findings)
}

async fn unreadable(settings: &ServerSettings, session: &Session, database: &str) -> Result<Option<Finding>> {
    let name = bytes_of("n.nspname || '.' || c.relname");
    let sql = format!("SELECT {name} {UNREADABLE} AND {OF_USERS} ORDER BY 1");
    let rows = session.rows(&sql, &[]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let names = rows
        .iter()
        .take(NAMED)
        .map(|row| get_raw(row, 0))
        .collect::<Result<Vec<RawText>>>()?;
    let names = readable(session, &names).await;
    let more = if rows.len() > NAMED { ", …" } else { "" };
    Ok(Some(finding(
        Severity::Error,
        database,
        format!(
            "{} may not read {} tables or sequences: {}{more}",
            settings.user,
            rows.len(),
            names.join(", ")
        ),
        Some(format!(
            "GRANT pg_read_all_data TO {0}; under row security also ALTER ROLE {0} BYPASSRLS",
            settings.user
        )),
    )))
}

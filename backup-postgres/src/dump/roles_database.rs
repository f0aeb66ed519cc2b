//! The database from which the names of all roles can be read.

use crate::{
    RawText, ServerSettings, Session,
    raw_text::{bytes_of, get_raw},
};
use backup_core::Result;

/// `settings` with a maintenance database from which `pg_dumpall` can read every role and tablespace. It compares their names with a pattern, and a database
/// of UTF-8 refuses that for the name of a role that was made in another encoding; one of a byte for each character never does. Where there is none, the
/// settings stay as they are, and `pg_dumpall` says what is wrong.
///
/// # Errors
/// `SourceFailed`.
pub async fn roles_readable(session: &Session, settings: &ServerSettings) -> Result<ServerSettings> {
    let names = format!(
        "SELECT {} FROM pg_catalog.pg_roles UNION ALL SELECT {} FROM pg_catalog.pg_tablespace",
        bytes_of("rolname"),
        bytes_of("spcname")
    );
    let mut settings = settings.clone();
    if texts(session, &names).await?.iter().any(|name| name.as_str().is_none()) {
        let databases = format!(
            "SELECT {} FROM pg_catalog.pg_database WHERE datallowconn AND datconnlimit <> -2 \
            AND pg_catalog.pg_encoding_max_length(encoding) = 1 ORDER BY datname <> 'postgres', datname",
            bytes_of("datname")
        );
        let found = texts(session, &databases).await?;
        settings.maintenance_database = found
            .iter()
            .find_map(RawText::as_str)
            .map_or(settings.maintenance_database, str::to_owned);
    }
    Ok(settings)
}

async fn texts(session: &Session, sql: &str) -> Result<Vec<RawText>> {
    session
        .rows(sql, &[])
        .await?
        .iter()
        .map(|row| get_raw(row, 0))
        .collect()
}

//! Settings that change what a session reads and that a session cannot be kept from.

use crate::{Session, connection::get};
use backup_core::{
    Result,
    event::{Finding, Severity},
};

/// They can be set by superusers alone, so they are told and not undone: whoever logs in may be none. `pg_settings` shows what holds in this session.
const SETTINGS: &str = "SELECT name, setting FROM pg_catalog.pg_settings \
    WHERE name = 'session_preload_libraries' AND setting <> '' \
    OR name IN ('zero_damaged_pages', 'ignore_checksum_failure', 'ignore_system_indexes') AND setting = 'on' \
    OR name = 'session_replication_role' AND setting <> 'origin' ORDER BY name";

/// Findings about `database`, the session's: one for each such setting that is in force.
///
/// # Errors
/// `SourceFailed`.
pub(crate) async fn hazards(session: &Session, database: &str) -> Result<Vec<Finding>> {
    let rows = session.rows(SETTINGS, &[]).await?;
    rows.iter()
        .map(|row| Ok(hazard(database, get(row, 0)?, get(row, 1)?)))
        .collect()
}

fn hazard(database: &str, name: &str, value: &str) -> Finding {
    let means = match name {
        "zero_damaged_pages" => {
            "a damaged page is read as an empty one: its rows are missing from a dump, and no error says so"
        }
        "ignore_checksum_failure" => "a damaged page is read as if it were good",
        "ignore_system_indexes" => "a damaged system index is passed over",
        "session_replication_role" => "what is restored is not checked by foreign keys and triggers",
        _ => "a library runs in every session, those of backups too, and can change what they read",
    };
    Finding {
        severity: Severity::Warning,
        subject: database.to_owned(),
        message: format!("{name} is '{value}': {means}"),
        hint: Some(format!(
            "unless it is meant so: RESET {name} for the role, the database, or in postgresql.conf"
        )),
    }
}

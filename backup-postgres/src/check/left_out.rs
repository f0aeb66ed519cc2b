//! Databases that a backup of all of them leaves out.

use super::server::finding;
use crate::{
    RawText, Session,
    connection::get,
    raw_text::{bytes_of, get_raw},
};
use backup_core::{
    Result,
    event::{Finding, Severity},
};

/// Finds each database that [`crate::all_databases`] does not name, but for the server's own templates and those that are `excluded` by name: nobody should
/// learn in the disaster that they were never backed up.
///
/// # Errors
/// `SourceFailed`.
pub async fn databases_left_out(session: &Session, excluded: &[String]) -> Result<Vec<Finding>> {
    let sql = format!(
        "SELECT {}, {}, datconnlimit = -2, datallowconn, datistemplate FROM pg_catalog.pg_database \
        WHERE datname NOT IN ('template0', 'template1') ORDER BY datname",
        bytes_of("datname"),
        bytes_of("pg_catalog.quote_ident(datname)")
    );
    let mut findings = Vec::new();
    for row in session.rows(&sql, &[]).await? {
        let database = Database {
            name: get_raw(&row, 0)?,
            quoted: get_raw(&row, 1)?.to_string(),
            half_dropped: get(&row, 2)?,
            open: get(&row, 3)?,
            template: get(&row, 4)?,
        };
        if !excluded.iter().any(|name| database.name == name.as_str()) {
            findings.extend(database.left_out());
        }
    }
    Ok(findings)
}

struct Database {
    name: RawText,
    /// As SQL has it.
    quoted: String,
    half_dropped: bool,
    open: bool,
    template: bool,
}

impl Database {
    fn left_out(&self) -> Option<Finding> {
        let named = format!("--exclude {} if it is not wanted", self.quoted);
        let quoted = &self.quoted;
        let (why, hint) = if self.half_dropped {
            let hint = format!("a DROP DATABASE was interrupted: DROP DATABASE {quoted}");
            ("it is half dropped and opens for nobody", hint)
        } else if self.name.as_str().is_none() {
            let hint = "rename it, in a session of a database of the encoding that its name has".to_owned();
            ("its name is no UTF-8", hint)
        } else if !self.open {
            let hint = format!("ALTER DATABASE {quoted} ALLOW_CONNECTIONS true; or {named}");
            ("it allows no connections", hint)
        } else if self.template {
            let hint = format!(
                "ALTER DATABASE {quoted} IS_TEMPLATE false, or name it with --database in a run of its own; or {named}"
            );
            ("it is marked as a template", hint)
        } else {
            return None;
        };
        let message = format!("not in a backup of all databases: {why}");
        Some(finding(Severity::Warning, &self.name.to_string(), message, Some(hint)))
    }
}

//! Databases that restores left behind.

use super::server::finding;
use crate::{Session, connection::get};
use backup_core::{
    Result,
    event::{Finding, Severity},
};

/// Finds databases of restores that were ended before they were complete (`NAME__restore_ID`), and those that an exchange kept (`NAME__before_ID`). Nothing
/// drops either by itself: the first may be one that is being filled now, the second is somebody's data.
///
/// # Errors
/// `SourceFailed`.
pub async fn check_leftovers(session: &Session) -> Result<Vec<Finding>> {
    let sql = "SELECT datname, datname ~ '__restore_[0-9]{8}_[0-9]{6}$', pg_catalog.quote_ident(datname) \
        FROM pg_catalog.pg_database WHERE datname ~ '__(restore|before)_[0-9]{8}_[0-9]{6}$' ORDER BY 1";
    let rows = session.rows(sql, &[]).await?;
    rows.iter()
        .map(|row| Ok(leftover(get(row, 0)?, get(row, 1)?, get(row, 2)?)))
        .collect()
}

fn leftover(name: &str, unfinished: bool, quoted: &str) -> Finding {
    let (severity, message, when) = if unfinished {
        (
            Severity::Warning,
            "a restore into it has not been completed",
            "if no restore runs",
        )
    } else {
        (
            Severity::Note,
            "a restore with --swap kept it",
            "when it is no longer needed",
        )
    };
    finding(
        severity,
        name,
        message.into(),
        Some(format!("{when}: DROP DATABASE {quoted}")),
    )
}

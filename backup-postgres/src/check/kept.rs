//! What goes on in databases that restores left behind.

use super::{leftovers::leftovers, server::finding};
use crate::{
    RawText, Session,
    raw_text::{bytes_of, get_raw},
};
use backup_core::{
    Result,
    event::{Finding, Severity},
};

/// Finds subscriptions that are at work in a database which an exchange kept, or which a restore left: it changes what was put by, and takes what the database
/// in its place should get. An exchange disables them; one that was killed right after it did not.
///
/// # Errors
/// `SourceFailed`.
pub async fn check_kept_subscriptions(session: &Session) -> Result<Vec<Finding>> {
    let sql = format!(
        "SELECT {}, {}, {} FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE subenabled ORDER BY 1, 2",
        bytes_of("d.datname"),
        bytes_of("subname"),
        bytes_of("pg_catalog.quote_ident(subname)")
    );
    let leftovers = leftovers(session).await?;
    let mut findings = Vec::new();
    for row in session.rows(&sql, &[]).await? {
        let (database, name, quoted) = (get_raw(&row, 0)?, get_raw(&row, 1)?, get_raw(&row, 2)?);
        let left = leftovers.iter().find(|leftover| database == leftover.name.as_str());
        findings.extend(left.map(|leftover| at_work(&leftover.name, &name, &quoted)));
    }
    Ok(findings)
}

fn at_work(database: &str, name: &RawText, quoted: &RawText) -> Finding {
    let message = format!("subscription {name} is at work in it, and not in the database that took its place");
    let hint = format!("there: ALTER SUBSCRIPTION {quoted} DISABLE");
    finding(Severity::Warning, database, message, Some(hint))
}

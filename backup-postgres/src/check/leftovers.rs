//! Databases that restores left behind.

use super::server::finding;
use crate::{
    Session,
    connection::get,
    restore::leftover::{Filled, filled},
};
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
    let mut findings = Vec::new();
    for row in session.rows(sql, &[]).await? {
        let (name, quoted): (String, String) = (get(&row, 0)?, get(&row, 2)?);
        if !get(&row, 1)? {
            findings.push(kept(&name, &quoted));
        } else if let Some(filled) = filled(session, &name).await? {
            findings.push(unfinished(&name, &quoted, filled));
        }
    }
    Ok(findings)
}

fn kept(name: &str, quoted: &str) -> Finding {
    let hint = format!("when it is no longer needed: DROP DATABASE {quoted}");
    finding(Severity::Note, name, "a restore with --swap kept it".into(), Some(hint))
}

fn unfinished(name: &str, quoted: &str, filled: Filled) -> Finding {
    let (severity, message, hint) = match filled {
        Filled::InUse(_) => return finding(Severity::Note, name, "a restore is at work in it".into(), None),
        Filled::Dead => (
            Severity::Warning,
            "a restore that ended before it was complete left it",
            format!("the same restore with --replace-leftover drops it and starts anew; or DROP DATABASE {quoted}"),
        ),
        Filled::Unmarked => (
            Severity::Warning,
            "a restore into it has not been completed",
            format!("if no restore runs: DROP DATABASE {quoted}"),
        ),
    };
    finding(severity, name, message.into(), Some(hint))
}

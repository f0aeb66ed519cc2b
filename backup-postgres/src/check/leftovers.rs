//! Databases that restores left behind.

use super::server::finding;
use crate::{
    Session,
    raw_text::{bytes_of, get_raw},
    restore::{
        leftover::{Filled, filled},
        scratch::SCRATCH,
    },
};
use backup_core::{
    Result,
    event::{Finding, Severity},
    id::BackupId,
};

/// Finds databases of restores that were ended before they were complete (`NAME__restore_ID`), and those that an exchange kept (`NAME__before_ID`). Nothing
/// drops either by itself: the first may be one that is being filled now, the second is somebody's data.
///
/// # Errors
/// `SourceFailed`.
pub async fn check_leftovers(session: &Session) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for Leftover { name, quoted, of } in leftovers(session).await? {
        match of {
            Of::Exchange => findings.push(kept(&name, &quoted)),
            Of::Roles => findings.push(scratch(&name, &quoted)),
            Of::Filling => {
                let filled = filled(session, &name).await?;
                findings.extend(filled.map(|filled| unfinished(&name, &quoted, filled)));
            }
        }
    }
    Ok(findings)
}

/// A database whose name says that a restore left it.
pub(super) struct Leftover {
    pub(super) name: String,
    /// As SQL has it.
    quoted: String,
    of: Of,
}

enum Of {
    /// A restore that fills a fresh database.
    Filling,
    /// An exchange, which kept the old one.
    Exchange,
    /// A restore of roles whose names are no UTF-8.
    Roles,
}

/// Those databases, by name.
pub(super) async fn leftovers(session: &Session) -> Result<Vec<Leftover>> {
    let sql = format!(
        "SELECT {}, {} FROM pg_catalog.pg_database ORDER BY datname",
        bytes_of("datname"),
        bytes_of("pg_catalog.quote_ident(datname)")
    );
    let mut found = Vec::new();
    for row in session.rows(&sql, &[]).await? {
        let (name, quoted) = (get_raw(&row, 0)?, get_raw(&row, 1)?);
        let both = name.as_str().zip(quoted.as_str());
        found.extend(both.and_then(|(name, quoted)| leftover(name, quoted)));
    }
    Ok(found)
}

fn leftover(name: &str, quoted: &str) -> Option<Leftover> {
    let has_id = |mark: &str| {
        let parts = name.rsplit_once(mark);
        parts.is_some_and(|(base, id)| !base.is_empty() && id.parse::<BackupId>().is_ok())
    };
    let of = match name.strip_prefix(SCRATCH) {
        Some(number) if number.parse::<u32>().is_ok() => Of::Roles,
        _ if has_id("__restore_") => Of::Filling,
        _ if has_id("__before_") => Of::Exchange,
        _ => return None,
    };
    Some(Leftover {
        name: name.to_owned(),
        quoted: quoted.to_owned(),
        of,
    })
}

fn scratch(name: &str, quoted: &str) -> Finding {
    let hint = format!("unless such a restore runs: DROP DATABASE {quoted}");
    let message = "a restore of roles made it, and it is empty";
    finding(Severity::Note, name, message.into(), Some(hint))
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

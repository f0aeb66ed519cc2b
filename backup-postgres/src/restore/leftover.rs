//! Databases that restores were filling when they died.
//!
//! A restore writes a mark into the comment of the database that it fills, and takes it away with the rename that gives the database its name. The mark
//! names the run; its sessions have the run in their `application_name`. So a database with a mark whose run has no session is a dead run's: nobody but a
//! restore wrote into it, and nobody will complete it.

use crate::{
    Session,
    connection::{get, quoted},
    raw_text::{bytes_of, get_raw},
};
use backup_core::{Error, ErrorKind, Result, id::BackupId};

const MARK: &str = "unfinished restore by platform-backup of backup ";
const RUN: &str = ", run ";

/// The comment of a database that `run` fills from backup `id`.
pub(super) fn mark(id: BackupId, run: &str) -> String {
    format!("{MARK}{id}{RUN}{run}")
}

/// The run that a mark names; `None` for any other comment. What comes from there is only ever compared.
fn run_of(comment: &str) -> Option<&str> {
    comment.strip_prefix(MARK)?.split_once(RUN).map(|(_, run)| run)
}

/// Whose a database is that has the name of one that is being filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    /// A dead run left it, and nobody is in it.
    Dead,
    /// Somebody is at work in it, or on it: the process that serves him.
    InUse(i32),
    /// It has no mark of a restore.
    Unmarked,
}

/// Looks at the database `name`; `None` if there is none.
///
/// # Errors
/// `SourceFailed`.
pub(crate) async fn filled(session: &Session, name: &str) -> Result<Option<Filled>> {
    // A comment that is none of ours may be in any encoding.
    let comment = format!(
        "SELECT {} FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) $1",
        bytes_of("coalesce(pg_catalog.shobj_description(oid, 'pg_database'), '')")
    );
    let rows = session.rows(&comment, &[&name]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let comment = get_raw(row, 0)?;
    let Some(run) = comment.as_str().and_then(run_of) else {
        return Ok(Some(Filled::Unmarked));
    };
    let at_work = "SELECT pid FROM pg_catalog.pg_stat_activity WHERE backend_type OPERATOR(pg_catalog.=) 'client backend' \
        AND (datname OPERATOR(pg_catalog.=) $1 OR pg_catalog.right(application_name, pg_catalog.length($2)) OPERATOR(pg_catalog.=) $2) \
        ORDER BY pid LIMIT 1";
    let rows = session.rows(at_work, &[&name, &run]).await?;
    Ok(Some(match rows.first() {
        Some(row) => Filled::InUse(get(row, 0)?),
        None => Filled::Dead,
    }))
}

/// Drops the database `name` if a dead run left it. Whoever enters it meanwhile keeps it.
///
/// # Errors
/// `Refused` if it is not, or no longer, such a one; `SourceFailed`.
pub(crate) async fn remove(session: &Session, name: &str) -> Result<()> {
    match filled(session, name).await? {
        None => Ok(()),
        Some(Filled::Dead) => session.execute(&format!("DROP DATABASE {}", quoted(name))).await,
        Some(Filled::InUse(_) | Filled::Unmarked) => Err(Error::new(
            ErrorKind::Refused,
            format!("database {name} is not, or no longer, one that a dead restore left"),
        )
        .hint("run the restore again, or with --dry-run, to see whose it is")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_its_run_and_no_other_comment_does() {
        let mark = mark("20260422_170000".parse().unwrap(), "00ff");
        assert_eq!(run_of(&mark), Some("00ff"));
        assert_eq!(run_of("the payments of the platform, run by hand"), None);
        assert_eq!(run_of(MARK), None);
    }
}

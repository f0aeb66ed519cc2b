//! Onto which servers a dump can go.

use crate::{ServerVersion, archive::ArchiveHeader};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
};

/// The first version in which not everyone may create objects in the schema `public` of a new database.
const KEEPS_PUBLIC: u32 = 15;

/// A dump goes onto a server of the version that it was made from, or of a newer one. `pg_dump` writes for its server what that server has: clauses,
/// privileges and functions that an older one may not know, found out only in the middle of the restore.
///
/// # Errors
/// `Refused` if the dump was made from a newer server.
pub(super) fn demand_version(database: &str, server: ServerVersion, dump: &ArchiveHeader) -> Result<()> {
    match dump.server_major() {
        Some(made_from) if made_from > server.major() => Err(Error::new(
            ErrorKind::Refused,
            format!(
                "the dump of {} was made from a server {made_from}, and this server is older: {server}",
                dump.database
            ),
        )
        .hint(format!(
            "restore {database} onto a server of version {made_from} or newer: PostgreSQL has no way back to an older one"
        ))),
        _ => Ok(()),
    }
}

/// What is otherwise in a database that is made on a newer server, and that `pg_dump` of the old one did not write down.
pub(super) fn changed_defaults(database: &str, server: ServerVersion, dump: &ArchiveHeader) -> Option<Finding> {
    let made_by = dump.dump_major()?;
    (made_by < KEEPS_PUBLIC && server.major() >= KEEPS_PUBLIC).then(|| Finding {
        severity: Severity::Note,
        subject: database.to_owned(),
        message: format!(
            "on a server {made_by} everyone may create objects in the schema public, in a new database of a server {} only its owner",
            server.major()
        ),
        hint: Some("if applications rely on it: GRANT CREATE ON SCHEMA public TO PUBLIC, or better to their roles".into()),
    })
}

//! Onto which servers a dump can go.

use crate::{ServerVersion, archive::ArchiveHeader};
use backup_core::{Error, ErrorKind, Result};

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

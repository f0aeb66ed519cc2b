//! Restores: in place in one transaction, or into a fresh database that takes its name only when it is complete.
//!
//! What holds in every way of restoring: the last piece of the dump is given to `pg_restore` only after the stream has proven itself complete, and a
//! stream that fails kills `pg_restore` before it can see an end of input. `pg_restore` reads the end of the last data block before it commits, so a
//! damaged, cut or unauthentic dump never commits, and neither does a restore whose own process is killed.

mod closing;
mod create_options;
mod database_statements;
mod drops;
mod extensions;
mod feed;
mod fresh;
mod globals;
mod globals_version;
mod in_place;
mod into_fresh;
mod kept;
pub(crate) mod leftover;
mod lock_watch;
mod locks;
mod preflight;
mod prepared;
mod rename;
mod rights;
pub(crate) mod scratch;
mod swap;
mod verify;

pub use closing::closing_lines;
pub(crate) use drops::Drops;
pub(crate) use extensions::demand_extensions;
pub use fresh::FreshDatabase;
pub(crate) use fresh::derived_names;
pub use globals::{Existing, GlobalsPlan, GlobalsRestored};
pub use in_place::restore_in_place;
pub use into_fresh::{Placed, Placement, restore_into_fresh};
pub use locks::{LockNeed, lock_need};
pub use preflight::missing_roles;
pub(crate) use preflight::{missing_roles_of_database, missing_tablespaces};
pub(crate) use prepared::demand_prepared;
pub use rights::Rights;
pub(crate) use rights::{Restored, compare_rights, compare_rights_until, reset_statements};
pub use swap::Swapped;
pub use verify::verify_with_pg_restore;

use crate::{ClientTools, ServerSettings};
use backup_core::{Error, Result};
use tokio_util::sync::CancellationToken;

/// Where a dump goes.
#[derive(Debug, Clone, Copy)]
pub struct RestoreTarget<'a> {
    /// The server.
    pub settings: &'a ServerSettings,
    /// The client programs: of at least the major version of the server, and of the `pg_dump` that wrote the archive.
    pub tools: &'a ClientTools,
    /// The name of the database.
    pub database: &'a str,
    /// Ends the restore with `Cancelled` while nothing has been committed, exchanged or renamed.
    pub cancel: &'a CancellationToken,
}

/// What `work` yields, unless the operator stops it first; then it is dropped.
pub(crate) async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Error::cancelled("come to its end")),
        done = work => done,
    }
}

//! A database without an encoding, for statements that no other can say.

use crate::{RawText, ServerSettings, Session, connection::quoted, raw_statement::execute_raw};
use backup_core::{Error, Result};

/// How the name of one begins; a number follows.
pub(crate) const SCRATCH: &str = "platform_backup_scratch_";

/// An empty database whose encoding is `SQL_ASCII`: every name is just its bytes there. [`ScratchDatabase::drop`] removes it; a process that is killed before
/// leaves it, empty, for [`crate::check::check_leftovers`] to find.
pub(super) struct ScratchDatabase {
    name: String,
    session: Session,
}

impl ScratchDatabase {
    /// `admin` is another session of the server, and lends its number to the name: as long as it lives, no other has it.
    pub(super) async fn create(admin: &Session, settings: &ServerSettings) -> Result<Self> {
        let name = format!("{SCRATCH}{}", admin.number().await?);
        let encoding = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
        admin
            .execute(&format!("DROP DATABASE IF EXISTS {}", quoted(&name)))
            .await?;
        let created = format!("CREATE DATABASE {} TEMPLATE template0 {encoding}", quoted(&name));
        admin.execute(&created).await.map_err(|error| {
            error
                .context("a database for names that are no UTF-8 cannot be made")
                .hint("the login role needs CREATEDB")
        })?;
        match quiet_session(settings, &name).await {
            Ok(session) => Ok(Self { name, session }),
            Err(error) => Err(stays(&name, error)),
        }
    }

    pub(super) async fn execute(&self, statement: &RawText) -> Result<()> {
        execute_raw(&self.session, statement).await
    }

    pub(super) async fn drop(self, admin: &Session) -> Result<()> {
        drop(self.session);
        let sql = format!("DROP DATABASE {}", quoted(&self.name));
        admin.execute(&sql).await.map_err(|error| stays(&self.name, error))
    }
}

/// A notice that names a role in bytes that are no UTF-8 could not be sent, and would fail the statement.
async fn quiet_session(settings: &ServerSettings, name: &str) -> Result<Session> {
    let session = Session::connect(settings, name).await?;
    session.execute("SET client_min_messages = 'error'").await?;
    Ok(session)
}

fn stays(name: &str, error: Error) -> Error {
    error.hint(format!("an empty database stays: DROP DATABASE {}", quoted(name)))
}

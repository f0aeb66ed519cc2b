//! Renames of databases, which no session may be in.

use super::fresh::FreshDatabase;
use crate::{Session, connection::get, raw_text::bytes_of};
use backup_core::{Error, Result};
use std::{convert::Infallible, time::Duration};

/// How often sessions are ended while the server waits for them. It gives up after five seconds by itself.
const END_EVERY: Duration = Duration::from_millis(100);

impl FreshDatabase {
    /// Runs the renames of `sql`, one transaction, while the sessions of `databases` are ended: new ones wait for the lock on the old name.
    ///
    /// Only the server's answer to the renames counts: a session that could not be ended (of a superuser, or one that was just gone) is told if they
    /// fail, and never taken for their failure. They may be carried out all the same.
    ///
    /// # Errors
    /// `SourceFailed`, with nothing renamed; also if the database is not the one that was filled.
    pub(super) async fn rename(&self, sql: &str, databases: &[&str]) -> Result<()> {
        let (admin, ender) = (self.admin().await?, self.admin().await?);
        self.demand_ours(&admin).await?;
        let mut stays = None;
        let renamed = tokio::select! {
            biased;
            renamed = admin.execute(sql) => renamed,
            never = end_sessions(&ender, databases, &mut stays) => match never {},
        };
        renamed.map_err(|error| match stays {
            Some(stays) => error.hint(format!("a session could not be ended: {}", Error::chain(&stays))),
            None => error,
        })
    }
}

/// Goes on until it is dropped.
async fn end_sessions(session: &Session, databases: &[&str], stays: &mut Option<Error>) -> Infallible {
    loop {
        if let Err(error) = end_once(session, databases, stays).await {
            *stays = Some(error);
        }
        tokio::time::sleep(END_EVERY).await;
    }
}

/// One by one: whoever may not end one of them may end the others.
async fn end_once(session: &Session, databases: &[&str], stays: &mut Option<Error>) -> Result<()> {
    let sessions = format!(
        "SELECT pid FROM pg_catalog.pg_stat_activity \
        WHERE {} = ANY ($1::pg_catalog.bytea[]) AND pid <> pg_catalog.pg_backend_pid()",
        bytes_of("datname")
    );
    let names: Vec<&[u8]> = databases.iter().map(|name| name.as_bytes()).collect();
    for row in session.rows(&sessions, &[&names]).await? {
        let pid: i32 = get(&row, 0)?;
        if let Err(error) = session
            .rows("SELECT pg_catalog.pg_terminate_backend($1)", &[&pid])
            .await
        {
            *stays = Some(error);
        }
    }
    Ok(())
}

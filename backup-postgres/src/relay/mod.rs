//! Between a newer `pg_restore` and an older server.
//!
//! `pg_restore` turns off every time limit that its own version has, whether the server has it or not, and the server's refusal ends the restore. So it
//! is given a socket of ours in the server's place. What it sends goes on byte for byte but for that one statement, which is answered here as the server
//! would answer if it knew the limit.
//!
//! Nothing is decided here: `BEGIN` and `COMMIT` are `pg_restore`'s. When either side is gone, so is the other, and the server rolls back.

mod messages;
mod pump;
mod server;
#[cfg(test)]
mod tests;

use crate::{ClientTools, ServerSettings, Session, SslMode, connection::get, restore::RestoreTarget};
use backup_core::{Error, ErrorKind, Result};
use std::{
    future::pending,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    os::{linux::net::SocketAddrExt, unix::net},
};
use tokio::net::{UnixListener, UnixStream};

/// Time limits that `pg_restore` turns off unasked, and the major version since when it does.
const TURNED_OFF: [(&str, u32); 1] = [("transaction_timeout", 17)];

/// Accepts one connection, and passes it on.
#[derive(Debug)]
pub(crate) struct Relay {
    listener: UnixListener,
    host: String,
    server: ServerSettings,
    tls: bool,
    unknown: Vec<&'static str>,
}

impl Relay {
    /// One for a restore to `target`; none if `pg_restore` turns off nothing that the server does not know.
    ///
    /// # Errors
    /// As [`Session::connect`].
    pub(crate) async fn if_needed(target: RestoreTarget<'_>) -> Result<Option<Self>> {
        let names = turned_off_by(target.tools);
        if names.is_empty() {
            return Ok(None);
        }
        let session = Session::connect(target.settings, target.database).await?;
        let unknown = unknown(&session, &names).await?;
        if unknown.is_empty() {
            return Ok(None);
        }
        let tls = uses_tls(&session, target.settings).await?;
        let (listener, host) = listen(target.settings.port)?;
        Ok(Some(Self {
            listener,
            host,
            server: target.settings.clone(),
            tls,
            unknown,
        }))
    }

    /// The settings for `pg_restore`: this relay in the server's place. TLS is between the relay and the server.
    pub(crate) fn settings(&self) -> ServerSettings {
        ServerSettings {
            host: self.host.clone(),
            sslmode: SslMode::Disable,
            sslrootcert: None,
            sslcert: None,
            sslkey: None,
            ..self.server.clone()
        }
    }

    /// Serves the one connection. Ends only if it cannot be passed on; that it ended, `pg_restore` says better. Cancel-safe: dropping it ends both sides.
    pub(crate) async fn run(self) -> Error {
        match self.serve().await {
            Ok(()) => pending().await,
            Err(error) => error,
        }
    }

    async fn serve(self) -> Result<()> {
        let client = accept(&self.listener).await.map_err(no_socket)?;
        drop(self.listener);
        let server = server::connect(&self.server, self.tls).await?;
        // What broke, the sides say themselves: to the one that is still there, it is a connection that ended.
        if let Err(error) = pump::both_ways(client, server, &self.unknown).await {
            tracing::debug!(%error, "a relayed connection ended");
        }
        Ok(())
    }
}

fn turned_off_by(tools: &ClientTools) -> Vec<&'static str> {
    let newer = TURNED_OFF.iter().filter(|(_, since)| tools.version().major >= *since);
    newer.map(|(name, _)| *name).collect()
}

async fn unknown(session: &Session, names: &[&'static str]) -> Result<Vec<&'static str>> {
    let sql = "SELECT pg_catalog.current_setting($1, true) IS NULL";
    let mut unknown = Vec::new();
    for name in names {
        if get(&session.one(sql, &[name]).await?, 0)? {
            unknown.push(*name);
        }
    }
    Ok(unknown)
}

/// As the session does: it tried what `allow` and `prefer` leave open.
async fn uses_tls(session: &Session, settings: &ServerSettings) -> Result<bool> {
    let demanded = matches!(
        settings.sslmode,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull
    );
    let sql = "SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()";
    let used: bool = get(&session.one(sql, &[]).await?, 0)?;
    Ok(used || (demanded && !settings.host.starts_with('/')))
}

/// A socket without a file: nothing stays behind, and no folder needs to be writable. libpq knows such a name by its `@`.
fn listen(port: u16) -> Result<(UnixListener, String)> {
    let host = format!("platform-backup-{:016x}", RandomState::new().build_hasher().finish());
    let bind = || -> io::Result<UnixListener> {
        let address = net::SocketAddr::from_abstract_name(format!("{host}/.s.PGSQL.{port}"))?;
        let listener = net::UnixListener::bind_addr(&address)?;
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener)
    };
    Ok((bind().map_err(no_socket)?, format!("@{host}")))
}

/// Any user of this machine can find such a socket; only this one is served.
async fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
    loop {
        let (client, _) = listener.accept().await?;
        if client.peer_cred()?.uid() == rustix::process::geteuid().as_raw() {
            return Ok(client);
        }
        tracing::warn!("a process of another user asked for the connection of a restore, and was turned away");
    }
}

fn no_socket(error: io::Error) -> Error {
    Error::new(
        ErrorKind::Internal,
        "there is no socket between pg_restore and the older server",
    )
    .because(error)
}

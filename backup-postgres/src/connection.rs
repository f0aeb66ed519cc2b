//! An SQL session, with errors that say whether the server was reached.

use crate::{
    ServerSettings, SslMode,
    standstill::Awaited,
    startup::{self, transaction_timeout},
    tls,
};
use backup_core::{Error, ErrorKind, Result};
use futures::TryStreamExt;
use std::{fmt, time::Duration};
use tokio_postgres::{Client, Config, NoTls, Row, config::SslMode as WireMode, error::SqlState, types::ToSql};
use tokio_util::task::AbortOnDropHandle;

/// The version of a server, as its `server_version_num`: 150018 is 15.18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion(pub u32);

impl ServerVersion {
    /// Major version, as 15.
    #[must_use]
    pub fn major(self) -> u32 {
        self.0 / 10_000
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10_000, self.0 % 10_000)
    }
}

/// Version, whether the search path is empty as asked for, and the process that serves us. Safe whatever it is: every name has its schema, and no operator is used.
const GREETING: &str = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4, \
    pg_catalog.texteq(pg_catalog.current_setting('search_path'), ''), pg_catalog.pg_backend_pid()";

/// A session in one database. Dropping it ends it.
#[derive(Debug)]
pub struct Session {
    client: Client,
    version: ServerVersion,
    subject: String,
    awaited: Awaited,
    connection: AbortOnDropHandle<()>,
}

impl Session {
    /// Logs in to `database`.
    ///
    /// # Errors
    /// `SourceUnreachable` if the server does not answer before the deadline, or not as a server that takes sessions; `SourceFailed` if it refuses
    /// this role; `NotFound` if it has no such database; `Config` if the TLS settings are wrong.
    pub async fn connect(settings: &ServerSettings, database: &str) -> Result<Self> {
        let deadline = settings.connect_timeout;
        let subject = format!("{}/{database}", settings.address());
        let opened = async {
            let connected = attempt(settings, database).await?;
            let greeted = Self::greet(connected, settings, &subject).await;
            greeted.map_err(Failure::Settings)
        };
        match tokio::time::timeout(deadline, opened).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(Failure::Settings(error))) => Err(error),
            Ok(Err(Failure::Server(error))) => Err(connect_error(&subject, error)),
            Err(_) => Err(unreachable(&subject, deadline)),
        }
    }

    async fn greet((client, connection): Connected, settings: &ServerSettings, subject: &str) -> Result<Self> {
        let mut session = Self {
            client,
            version: ServerVersion(0),
            subject: subject.to_owned(),
            awaited: Awaited::own(settings, subject, 0),
            connection,
        };
        let rows = session.asked(GREETING, &[]).await?;
        let row = rows.first().ok_or_else(unasked)?;
        let number: i32 = get(row, 0)?;
        session.version = ServerVersion(number.unsigned_abs());
        if !get::<bool>(row, 1)? {
            return Err(session.not_as_asked());
        }
        session.awaited = Awaited::own(settings, subject, get(row, 2)?);
        let set = session.client.batch_execute(&no_timeouts(session.version)).await;
        set.map_err(|error| session.failed(error))?;
        Ok(session)
    }

    /// The server's version.
    #[must_use]
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// The number of its server process: no other session has it as long as this one lives.
    pub(crate) async fn number(&self) -> Result<i32> {
        get(&self.one("SELECT pg_catalog.pg_backend_pid()", &[]).await?, 0)
    }

    /// Whether the UTF-8 that it sends reaches the database byte for byte.
    pub(crate) async fn takes_bytes(&self) -> Result<bool> {
        let sql = "SELECT pg_catalog.getdatabaseencoding() IN ('UTF8', 'SQL_ASCII')";
        get(&self.one(sql, &[]).await?, 0)
    }

    pub(crate) async fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.answer(self.asked(sql, parameters)).await
    }

    pub(crate) async fn one(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row> {
        let one = async {
            let row = self.client.query_one(sql, parameters).await;
            row.map_err(|error| self.failed(error))
        };
        self.answer(one).await
    }

    /// Runs statements that return nothing; several of them are one transaction.
    pub(crate) async fn execute(&self, sql: &str) -> Result<()> {
        let done = async {
            let done = self.client.batch_execute(sql).await;
            done.map_err(|error| self.failed(error))
        };
        self.answer(done).await
    }

    /// As [`Session::rows`], for who watches the time himself.
    pub(crate) async fn asked(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let rows = self.client.query(sql, parameters).await;
        rows.map_err(|error| self.failed(error))
    }

    /// Waits as long as the server works on it. A session that stands still is ended: nothing more is expected of it.
    async fn answer<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let answer = self.awaited.wait(work).await;
        if answer.is_err() {
            self.connection.abort();
        }
        answer?
    }

    /// A pooler may leave out what it does not know of a start-up message.
    fn not_as_asked(&self) -> Error {
        let message = format!("{} does not take the settings of a session", self.subject);
        Error::new(ErrorKind::SourceFailed, message)
            .hint("a connection pooler is in between: name the server itself with --host and --port")
    }

    /// What a `COPY … TO STDOUT` gives, at most `limit` bytes of it.
    pub(crate) async fn copy_out(&self, sql: &str, limit: usize) -> Result<Vec<u8>> {
        self.answer(self.copied(sql, limit)).await
    }

    async fn copied(&self, sql: &str, limit: usize) -> Result<Vec<u8>> {
        let failed = |error| self.failed(error);
        let mut pieces = std::pin::pin!(self.client.copy_out(sql).await.map_err(failed)?);
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.try_next().await.map_err(failed)? {
            if bytes.len() + piece.len() > limit {
                let message = format!("{} gave more than {limit} bytes", self.subject);
                return Err(Error::new(ErrorKind::SourceFailed, message));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        Error::new(
            ErrorKind::SourceFailed,
            format!("a statement failed on {}", self.subject),
        )
        .because(readable(error))
    }
}

/// Time limits that a role or database may have set are for applications; a backup takes as long as it takes.
fn no_timeouts(version: ServerVersion) -> String {
    transaction_timeout(version).map_or_else(String::new, |name| format!("SET {name} = 0"))
}

/// One column of a row.
pub(crate) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, column: usize) -> Result<T> {
    row.try_get(column).map_err(|error| unasked().because(error))
}

fn unasked() -> Error {
    Error::new(ErrorKind::SourceFailed, "the server answered what was not asked for")
}

/// A name as SQL has it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL has it, whatever `standard_conforming_strings` says: for statements that take no parameters.
pub(crate) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

enum Failure {
    Settings(Error),
    Server(tokio_postgres::Error),
}

type Connected = (Client, AbortOnDropHandle<()>);

/// libpq tries a second time without TLS under `prefer`, and with TLS under `allow`, if the server refuses the first.
async fn attempt(settings: &ServerSettings, database: &str) -> Result<Connected, Failure> {
    let socket = settings.host.starts_with('/');
    let (first, second) = match settings.sslmode {
        _ if socket => (WireMode::Disable, None),
        SslMode::Disable => (WireMode::Disable, None),
        SslMode::Allow => (WireMode::Disable, Some(WireMode::Require)),
        SslMode::Prefer => (WireMode::Prefer, Some(WireMode::Disable)),
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (WireMode::Require, None),
    };
    match (login(settings, database, first).await, second) {
        (Err(Failure::Server(error)), Some(second)) if worth_another_way(&error) => login(settings, database, second)
            .await
            .map_err(|_| Failure::Server(error)),
        (result, _) => result,
    }
}

fn worth_another_way(error: &tokio_postgres::Error) -> bool {
    tls_failed(error) || error.code().is_some_and(is_login)
}

async fn login(settings: &ServerSettings, database: &str, mode: WireMode) -> Result<Connected, Failure> {
    let mut config = Config::new();
    config
        .host(&settings.host)
        .port(settings.port)
        .user(&settings.user)
        .dbname(database)
        .ssl_mode(mode)
        .application_name(&settings.application_name)
        .keepalives_idle(Duration::from_secs(30));
    if let Some(password) = settings.password() {
        config.password(password.expose());
    }
    config.options(startup::options(settings.options.as_deref()));
    if mode == WireMode::Disable {
        let (client, connection) = config.connect(NoTls).await.map_err(Failure::Server)?;
        return Ok((client, drive(connection)));
    }
    let tls = tls::connector(settings).map_err(Failure::Settings)?;
    let (client, connection) = config.connect(tls).await.map_err(Failure::Server)?;
    Ok((client, drive(connection)))
}

/// The connection's own task: it ends with the session, and its error reaches whoever waits for a statement.
fn drive<F>(connection: F) -> AbortOnDropHandle<()>
where
    F: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
{
    AbortOnDropHandle::new(tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a session ended");
        }
    }))
}

fn unreachable(subject: &str, deadline: Duration) -> Error {
    Error::new(
        ErrorKind::SourceUnreachable,
        format!("{subject} did not answer within {} seconds", deadline.as_secs()),
    )
    .hint("check host and port, and that this machine may reach them")
}

fn connect_error(subject: &str, error: tokio_postgres::Error) -> Error {
    let (kind, message, hint) = match error.code() {
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => (
            ErrorKind::NotFound,
            "there is no such database",
            "`check` lists those that are missing",
        ),
        Some(code) if is_login(code) => (
            ErrorKind::SourceFailed,
            "the server refused this role",
            "check user and password (POSTGRES_PASSWORD), and the server's pg_hba.conf",
        ),
        Some(code) if not_open(code) => (
            ErrorKind::SourceUnreachable,
            "the server takes no sessions now",
            "it is starting, stopping or recovering: try again later",
        ),
        Some(_) => (
            ErrorKind::SourceFailed,
            "the server refused the session",
            "its own message says why; servers before version 14 do not know all that is asked of a session",
        ),
        None if no_password(&error) => (
            ErrorKind::SourceFailed,
            "the server asks for a password, and none is given",
            "set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE",
        ),
        None if tls_failed(&error) => (
            ErrorKind::SourceFailed,
            "TLS with the server failed",
            "check sslmode and sslrootcert; the certificate must name the host under verify-full",
        ),
        None => (
            ErrorKind::SourceUnreachable,
            "the server cannot be reached",
            "check host and port, and that the server runs",
        ),
    };
    Error::new(kind, format!("{subject}: {message}"))
        .because(readable(error))
        .hint(hint)
}

/// Class 28: invalid authorization.
fn is_login(code: &SqlState) -> bool {
    code.code().starts_with("28")
}

fn not_open(code: &SqlState) -> bool {
    [
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
    ]
    .contains(code)
}

/// `tokio_postgres` tells the kinds of its own errors apart by their texts only.
fn no_password(error: &tokio_postgres::Error) -> bool {
    error.to_string() == "invalid configuration"
}

fn tls_failed(error: &tokio_postgres::Error) -> bool {
    error.to_string() == "error performing TLS handshake"
}

/// `tokio_postgres` shows "db error" and hides the server's sentence in its cause.
fn readable(error: tokio_postgres::Error) -> backup_core::error::BoxError {
    if error.as_db_error().is_none() {
        return Box::new(error);
    }
    error
        .into_source()
        .unwrap_or_else(|| "the server gave no reason".into())
}

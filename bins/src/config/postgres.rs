//! What `backup-postgres` is told beside the settings of all programs.

use super::{
    Environment, Secret, Settings,
    common::number,
    refused::{REFUSED_LIBPQ, refuse},
};
use backup_core::{Error, ErrorKind, Result};
use std::{path::PathBuf, time::Duration};

/// Which databases a dump takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These, in this order, each once.
    Named(Vec<String>),
    /// All that the server has, but these.
    AllBut(Vec<String>),
}

/// The server, and what to take from it.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// Host name, address, or folder of the socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Role.
    pub user: String,
    /// Its password, if it needs one.
    pub password: Option<Secret>,
    /// libpq's `sslmode`: `disable` `allow` `prefer` `require` `verify-ca` `verify-full`.
    pub sslmode: String,
    /// Certificates that vouch for the server.
    pub sslrootcert: Option<PathBuf>,
    /// Certificate of this client.
    pub sslcert: Option<PathBuf>,
    /// Private key of this client.
    pub sslkey: Option<PathBuf>,
    /// The database for statements about the whole server.
    pub maintenance_database: String,
    /// The only folder of the client programs.
    pub client_programs: Option<PathBuf>,
    /// How long a connection is waited for, if not as long as for everything else.
    pub connect_timeout: Option<Duration>,
    /// How long a lock that others hold is waited for; zero: without end.
    pub lock_wait: Duration,
    /// What a dump takes.
    pub databases: Selection,
}

impl PostgresConfig {
    /// The typed form of `settings`, which must be those of `backup-postgres`.
    ///
    /// # Errors
    /// Fails if nothing is left to back up, if `all` and `databases` are given in one layer, and for variables of libpq that this program does not
    /// honour: `pg_dump` would, and talk to another server than we do.
    pub fn from_settings(settings: &Settings, environment: &Environment) -> Result<Self> {
        refuse(REFUSED_LIBPQ, environment)?;
        Ok(Self {
            host: settings.need("postgres.host")?,
            port: number(settings, "postgres.port")?.unwrap_or(5432),
            user: settings.need("postgres.user")?,
            password: settings.get("postgres.password")?,
            sslmode: settings.need("postgres.sslmode")?,
            sslrootcert: settings.get("postgres.sslrootcert")?,
            sslcert: settings.get("postgres.sslcert")?,
            sslkey: settings.get("postgres.sslkey")?,
            maintenance_database: settings.need("postgres.maintenance-db")?,
            client_programs: settings.get("postgres.pg-bin")?,
            connect_timeout: connect_timeout(settings)?,
            lock_wait: settings.need("postgres.lock-wait")?,
            databases: selection(settings)?,
        })
    }
}

fn connect_timeout(settings: &Settings) -> Result<Option<Duration>> {
    let seconds = number(settings, "postgres.connect-timeout")?.filter(|seconds| *seconds > 0);
    Ok(seconds.map(Duration::from_secs))
}

fn selection(settings: &Settings) -> Result<Selection> {
    let exclude: Vec<String> = settings.get("postgres.exclude")?.unwrap_or_default();
    if settings.stronger("postgres.all", "postgres.databases")? == Some("postgres.all") {
        return Ok(Selection::AllBut(exclude));
    }
    let mut named: Vec<String> = Vec::new();
    for name in settings.need::<Vec<String>>("postgres.databases")? {
        if !exclude.contains(&name) && !named.contains(&name) {
            named.push(name);
        }
    }
    if named.is_empty() {
        return Err(Error::new(ErrorKind::Config, "no database is left to back up")
            .hint("correct --database and --exclude (BACKUP_DATABASES, BACKUP_EXCLUDE), or use --all"));
    }
    Ok(Selection::Named(named))
}

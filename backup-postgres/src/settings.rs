//! How to reach a server.

use crate::{
    Secret, ServerVersion,
    startup::{self, transaction_timeout},
};
use backup_core::{Error, ErrorKind};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

/// What the connection must be, with the meaning that libpq gives these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS only if the server demands it.
    Allow,
    /// TLS if the server has it; certificates are not checked.
    #[default]
    Prefer,
    /// TLS or nothing. The certificate is checked only if a root certificate is given.
    Require,
    /// TLS with a certificate of a trusted authority.
    VerifyCa,
    /// The same, and the certificate names the host.
    VerifyFull,
}

impl SslMode {
    /// libpq's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SslMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let modes = [
            Self::Disable,
            Self::Allow,
            Self::Prefer,
            Self::Require,
            Self::VerifyCa,
            Self::VerifyFull,
        ];
        modes.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                format!("'{}' is not an sslmode", text.escape_debug()),
            )
            .hint("use disable, allow, prefer, require, verify-ca or verify-full")
        })
    }
}

/// How to reach a server, and as whom.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Host name, address, or the folder of a unix socket (begins with `/`).
    pub host: String,
    /// TCP port, or the number in the socket's name.
    pub port: u16,
    /// The role that logs in.
    pub user: String,
    /// Its password; none for `trust`, `peer` and certificates.
    pub password: Option<Secret>,
    /// Whether and how TLS is used.
    pub sslmode: SslMode,
    /// Root certificates (PEM) that the server's certificate is checked against, or the word `system` (the client programs know it
    /// since version 16).
    pub sslrootcert: Option<PathBuf>,
    /// Certificate (PEM) that this client shows, with the chain up to its authority.
    pub sslcert: Option<PathBuf>,
    /// Its private key (PEM, without a passphrase). The client programs demand that only its owner may read it.
    pub sslkey: Option<PathBuf>,
    /// When to give up on a server that does not answer.
    pub connect_timeout: Duration,
    /// When nothing comes of a server for so long, it is looked whether it stands still; see the module `standstill`.
    pub deadline: Duration,
    /// When to give up on a lock that others hold, for each lock; zero waits without end.
    pub lock_timeout: Duration,
    /// Options for the server process (`-c name=value …`), as `PGOPTIONS` has them, for every session and the client programs. What keeps a session safe they
    /// cannot change.
    pub options: Option<String>,
    /// The database for statements about the whole server.
    pub maintenance_database: String,
    /// What the server shows as `application_name` of the sessions.
    pub application_name: String,
}

impl Default for ServerSettings {
    /// The documented server: host `postgres`, user `kernel`, port 5432, no password; gives up after 60 seconds.
    fn default() -> Self {
        Self {
            host: "postgres".into(),
            port: 5432,
            user: "kernel".into(),
            password: None,
            sslmode: SslMode::default(),
            sslrootcert: None,
            sslcert: None,
            sslkey: None,
            connect_timeout: Duration::from_secs(60),
            deadline: Duration::from_secs(60),
            lock_timeout: Duration::from_secs(5 * 60),
            options: None,
            maintenance_database: "postgres".into(),
            application_name: "platform-backup".into(),
        }
    }
}

impl ServerSettings {
    /// The server for error messages: `kernel@postgres:5432`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}@{}:{}", self.user, self.host, self.port)
    }

    /// The password, unless there is none.
    #[must_use]
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref().filter(|password| !password.is_empty())
    }

    /// These settings for programs that work as long as it takes, whatever time limits the role or database has. An older server refuses the
    /// parameters of a newer one.
    #[must_use]
    pub fn without_timeouts(&self, version: ServerVersion) -> Self {
        let ours = transaction_timeout(version)
            .into_iter()
            .map(|name| format!("-c {name}=0"));
        let options: Vec<String> = ours.chain(self.options.clone()).collect();
        Self {
            options: Some(options.join(" ")),
            ..self.clone()
        }
    }

    /// These settings for a single session, which is known among all of the server by its `application_name`.
    pub(crate) fn singled_out(&self, purpose: &str) -> Self {
        self.of_run(purpose, &fresh_run())
    }

    /// These settings for the session of `run` that serves `purpose`.
    pub(crate) fn of_run(&self, purpose: &str, run: &str) -> Self {
        Self {
            application_name: format!("platform-backup {purpose} {run}"),
            ..self.clone()
        }
    }

    /// libpq's connection string for `database`, without the password. Keepalives find a server that is gone within a minute; libpq's own default is two hours.
    pub(crate) fn conninfo(&self, database: &str, passfile: Option<&str>) -> String {
        let mut text = String::new();
        let mut add = |name: &str, value: &str| {
            let escaped = value.replace('\\', "\\\\").replace('\'', "\\'");
            let space = if text.is_empty() { "" } else { " " };
            text.push_str(&format!("{space}{name}='{escaped}'"));
        };
        add("host", &self.host);
        add("port", &self.port.to_string());
        add("user", &self.user);
        add("dbname", database);
        add("sslmode", self.sslmode.as_str());
        let files = [
            ("sslrootcert", &self.sslrootcert),
            ("sslcert", &self.sslcert),
            ("sslkey", &self.sslkey),
        ];
        for (name, file) in files {
            if let Some(file) = file {
                add(name, &file.to_string_lossy());
            }
        }
        if let Some(passfile) = passfile {
            add("passfile", passfile);
        }
        add("options", &startup::options(self.options.as_deref()));
        add("connect_timeout", &self.connect_timeout.as_secs().max(2).to_string());
        add("application_name", &self.application_name);
        add("keepalives_idle", "30");
        add("keepalives_interval", "10");
        add("keepalives_count", "3");
        text
    }
}

/// A name for something at work that nothing else has: 16 hexadecimal digits.
pub(crate) fn fresh_run() -> String {
    // Seeded by the operating system.
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_quotes_what_libpq_would_read_otherwise_and_holds_no_password() {
        let settings = ServerSettings {
            user: r"o'brien\ x".into(),
            password: Some(Secret::new("planted-secret")),
            ..ServerSettings::default()
        };
        let text = settings.conninfo("a b=c", Some("/proc/self/fd/0"));
        assert!(text.contains(r"user='o\'brien\\ x'"), "{text}");
        assert!(text.contains("dbname='a b=c'"), "{text}");
        assert!(!text.contains("planted-secret"), "{text}");
        assert!(!format!("{settings:?}").contains("planted-secret"));
    }

    #[test]
    fn ssl_modes_are_those_of_libpq() {
        for word in ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] {
            assert_eq!(word.parse::<SslMode>().unwrap().as_str(), word);
        }
        assert_eq!("on".parse::<SslMode>().unwrap_err().kind(), ErrorKind::Config);
    }
}

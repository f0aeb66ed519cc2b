//! The server and its databases, by the settings.

use crate::{
    config::postgres::{PostgresConfig, Selection},
    context::Context,
    repository,
};
use backup_core::{Error, ErrorKind, Result};
use backup_postgres as pg;

/// The target that all verbs work on.
pub(super) fn target(context: &Context) -> Result<pg::PgDump> {
    let config = PostgresConfig::from_settings(&context.settings, &context.environment)?;
    if config.sslcert.is_some() || config.sslkey.is_some() {
        return Err(Error::new(
            ErrorKind::Config,
            "client certificates for PostgreSQL are not supported yet",
        )
        .hint("leave out PGSSLCERT and PGSSLKEY, and log in with a password"));
    }
    Ok(pg::PgDump {
        settings: pg::ServerSettings {
            host: config.host,
            port: config.port,
            user: config.user,
            password: config.password.map(|password| pg::Secret::new(password.expose())),
            sslmode: config.sslmode.parse()?,
            sslrootcert: config.sslrootcert,
            connect_timeout: context.config.deadline,
            lock_timeout: config.lock_wait,
            ..pg::ServerSettings::default()
        },
        tools: pg::ToolLocations {
            folder: None,
            path: context.environment.get("PATH")?.map(Into::into),
        },
        selection: match config.databases {
            Selection::Named(names) => pg::Selection::Named(names),
            Selection::AllBut(names) => pg::Selection::AllExcept(names),
        },
        jobs: repository::jobs(context),
    })
}

//! The server and its databases, by the settings.

use crate::{
    config::postgres::{PostgresConfig, Selection},
    context::Context,
    repository,
};
use backup_core::Result;
use backup_postgres as pg;

/// The target that all verbs work on.
pub(super) fn target(context: &Context) -> Result<pg::PgDump> {
    let config = PostgresConfig::from_settings(&context.settings, &context.environment)?;
    Ok(pg::PgDump {
        settings: pg::ServerSettings {
            host: config.host,
            port: config.port,
            user: config.user,
            password: config.password,
            sslmode: config.sslmode.parse()?,
            sslrootcert: config.sslrootcert,
            sslcert: config.sslcert,
            sslkey: config.sslkey,
            connect_timeout: config.connect_timeout.unwrap_or(context.config.deadline),
            deadline: context.config.deadline,
            lock_timeout: config.lock_wait,
            maintenance_database: config.maintenance_database,
            ..pg::ServerSettings::default()
        },
        tools: pg::ToolLocations {
            folder: config.client_programs,
            path: context.environment.get("PATH")?.map(Into::into),
        },
        selection: match config.databases {
            Selection::Named(names) => pg::Selection::Named(names),
            Selection::AllBut(names) => pg::Selection::AllExcept(names),
        },
        jobs: repository::jobs(context),
    })
}

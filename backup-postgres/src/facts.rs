//! What a manifest records about a server and its databases.

use crate::{
    ServerVersion, Session,
    connection::get,
    hazards::hazards,
    raw_text::{bytes_of, get_raw},
    schema_version,
};
use backup_core::{
    Result,
    event::{Finding, Severity},
};
use jiff::Timestamp;

/// Facts about a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its version.
    pub version: ServerVersion,
    /// Its version as it says it, as `15.18 (Debian 15.18-0+deb12u1)`.
    pub version_text: String,
    /// The identifier that `initdb` gave the cluster; a lineage of backups has one. Absent where this role may not ask.
    pub system_identifier: Option<u64>,
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// Its clock.
    pub clock: Timestamp,
    /// Whether this role is a superuser.
    pub superuser: bool,
    /// Whether this role may read the password hashes of roles.
    pub reads_role_passwords: bool,
    /// Locks that all transactions together may hold for certain: `max_locks_per_transaction` for each process that may have one and each prepared
    /// transaction. The server has some unused shared memory more for them.
    pub lock_capacity: u64,
    /// `max_locks_per_transaction`.
    pub locks_per_transaction: u64,
}

const SERVER: &str = "SELECT pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery(), \
    (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::int8, pg_catalog.current_setting('is_superuser') = 'on', \
    pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT'), \
    pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE'), \
    pg_catalog.current_setting('max_locks_per_transaction')::int8, \
    (SELECT pg_catalog.sum(setting::int8)::int8 + 1 FROM pg_catalog.pg_settings WHERE name IN ('max_connections', 'max_prepared_transactions', \
        'autovacuum_max_workers', 'max_worker_processes', 'max_wal_senders'))";

/// Asks a server about itself.
///
/// # Errors
/// `SourceFailed`.
pub async fn server_facts(session: &Session) -> Result<ServerFacts> {
    let row = session.one(SERVER, &[]).await?;
    let system_identifier = if get(&row, 5)? {
        let row = session
            .one("SELECT system_identifier FROM pg_catalog.pg_control_system()", &[])
            .await?;
        // The server shows its unsigned 64 bits as a signed bigint.
        Some(get::<i64>(&row, 0)?.cast_unsigned())
    } else {
        None
    };
    let locks_per_transaction = get::<i64>(&row, 6)?.unsigned_abs();
    Ok(ServerFacts {
        version: session.version(),
        version_text: get(&row, 0)?,
        system_identifier,
        in_recovery: get(&row, 1)?,
        clock: Timestamp::from_millisecond(get(&row, 2)?).unwrap_or(Timestamp::UNIX_EPOCH),
        superuser: get(&row, 3)?,
        reads_role_passwords: get(&row, 4)?,
        lock_capacity: locks_per_transaction.saturating_mul(get::<i64>(&row, 7)?.unsigned_abs()),
        locks_per_transaction,
    })
}

/// The position of the server's log now, as `0/1A2B3C4D`: the insert position of a primary, the replayed one of a standby. A dump's snapshot lies
/// between the one before and the one after it.
///
/// # Errors
/// `SourceFailed`.
pub async fn log_position(session: &Session) -> Result<Option<String>> {
    let sql = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
        ELSE pg_catalog.pg_current_wal_lsn() END::text";
    get(&session.one(sql, &[]).await?, 0)
}

/// Facts about the session's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Its size on the server's disk, in bytes.
    pub size: u64,
    /// Its encoding, by the server's name for it.
    pub encoding: String,
    /// The schema version that goose recorded in it, if it did.
    pub schema_version: Option<i64>,
    /// What was in the way.
    pub findings: Vec<Finding>,
}

/// Asks about the session's database. A schema version that cannot be read is a finding: the dump itself does not need it. So is a setting that sessions cannot
/// be kept from.
///
/// # Errors
/// `SourceFailed`.
pub async fn database_facts(session: &Session) -> Result<DatabaseFacts> {
    let sql = format!(
        "SELECT pg_catalog.pg_database_size(pg_catalog.current_database()), {}, pg_catalog.getdatabaseencoding()::text",
        bytes_of("pg_catalog.current_database()")
    );
    let row = session.one(&sql, &[]).await?;
    let name = get_raw(&row, 1)?.to_string();
    let mut findings = hazards(session, &name).await?;
    let schema_version = match schema_version(session).await {
        Ok(version) => version,
        Err(error) => {
            findings.push(unread_version(&name, &error));
            None
        }
    };
    Ok(DatabaseFacts {
        size: get::<i64>(&row, 0)?.unsigned_abs(),
        encoding: get(&row, 2)?,
        schema_version,
        findings,
    })
}

pub(crate) fn unread_version(database: &str, error: &backup_core::Error) -> Finding {
    Finding {
        severity: Severity::Note,
        subject: database.to_owned(),
        message: format!("the schema version cannot be read: {}", error.chain()),
        hint: Some(
            "is it locked by a migration? else grant SELECT on goose_db_version to the role that makes backups".into(),
        ),
    }
}

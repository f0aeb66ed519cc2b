//! A server, databases with content, and dumps of them.

use backup_core::{Error, ErrorKind, Result, id::BackupId};
use backup_postgres::{
    ClientTools, Secret, ServerSettings, ToolLocations,
    dump::{Compression, DumpRequest, dump_stream},
    restore::RestoreTarget,
};
use backup_tests::Postgres;
pub(crate) use backup_tests::until;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use std::{sync::LazyLock, time::Duration};
use tokio_util::sync::CancellationToken;

/// Tables with rows, keys to each other, an identity, a sequence, views, a large object, a trigger and a schema version.
pub(crate) const CONTENT: &str = "
    CREATE SCHEMA odd;
    CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL);
    INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (7, true), (8, true), (8, false);
    CREATE TABLE accounts (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, note text);
    INSERT INTO accounts (name, note) SELECT 'account ' || n, repeat(md5(n::text), 8) FROM generate_series(1, 3000) n;
    CREATE TABLE odd.\"Entries of ü\" (id serial PRIMARY KEY, account int REFERENCES accounts, amount numeric CHECK (amount <> 0));
    INSERT INTO odd.\"Entries of ü\" (account, amount) SELECT 1 + n % 3000, n FROM generate_series(1, 5000) n;
    CREATE INDEX ON odd.\"Entries of ü\" (amount);
    CREATE TABLE empty (x int);
    CREATE VIEW rich AS SELECT name FROM accounts;
    CREATE MATERIALIZED VIEW sums AS SELECT account, sum(amount) FROM odd.\"Entries of ü\" GROUP BY 1;
    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER stamp BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION stamp();
    DO $$ BEGIN PERFORM lo_from_bytea(0, decode(repeat('ab', 40000), 'hex')); END $$;
";

pub(crate) fn settings(server: &Postgres) -> ServerSettings {
    ServerSettings {
        host: "127.0.0.1".into(),
        port: server.port(),
        user: Postgres::USER.into(),
        password: Some(Secret::new(Postgres::PASSWORD)),
        ..ServerSettings::default()
    }
}

pub(crate) fn locations() -> ToolLocations {
    ToolLocations {
        folder: None,
        path: Some("/usr/local/bin:/usr/bin".into()),
    }
}

pub(crate) async fn tools() -> ClientTools {
    ClientTools::find(&locations(), 15)
        .await
        .expect("client programs of PostgreSQL 15")
}

/// A database of this name that holds what `script` makes.
pub(crate) fn database(server: &Postgres, name: &str, script: &str) {
    server.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
    server.psql(name, script);
}

pub(crate) fn exists(server: &Postgres, name: &str) -> bool {
    server.psql(
        "postgres",
        &format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'"),
    ) == "1"
}

/// A dump of a UTF-8 database.
pub(crate) async fn dump(server: &Postgres, name: &str, compression: Compression) -> Bytes {
    dump_as(server, name, compression, "UTF8").await
}

pub(crate) async fn dump_as(server: &Postgres, name: &str, compression: Compression, encoding: &str) -> Bytes {
    dump_by(&tools().await, server, (name, encoding), compression).await
}

/// By these client programs.
pub(crate) async fn dump_with(tools: &ClientTools, server: &Postgres, name: &str) -> Bytes {
    dump_by(tools, server, (name, "UTF8"), Compression::None).await
}

async fn dump_by(
    tools: &ClientTools,
    server: &Postgres,
    (name, encoding): (&str, &str),
    compression: Compression,
) -> Bytes {
    let settings = settings(server);
    let request = DumpRequest {
        settings: &settings,
        tools,
        database: name,
        encoding: Some(encoding),
        compression,
    };
    let (stream, outcome) = dump_stream(request).expect("pg_dump starts");
    let pieces: Vec<Bytes> = stream.map(|piece| piece.expect("a dump that succeeds")).collect().await;
    assert!(outcome.get().is_some());
    pieces.concat().into()
}

/// The bytes in pieces as they come from an opened object.
pub(crate) fn pieces(bytes: &Bytes) -> impl Stream<Item = Result<Bytes>> + Send + Unpin + 'static {
    let bytes = bytes.clone();
    stream::iter(
        (0..bytes.len())
            .step_by(16_384)
            .map(move |at| Ok(bytes.slice(at..bytes.len().min(at + 16_384)))),
    )
}

/// The same, and then an error, as from an object whose end does not prove authentic. It comes after everything else had time to be read.
pub(crate) fn failing(bytes: &Bytes) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    pieces(bytes).chain(stream::once(async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Err(Error::new(ErrorKind::Damaged, "the last chunk does not open"))
    }))
}

pub(crate) fn id() -> BackupId {
    "20260422_170000".parse().expect("an id")
}

static NEVER: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);

pub(crate) fn target<'a>(settings: &'a ServerSettings, tools: &'a ClientTools, database: &'a str) -> RestoreTarget<'a> {
    RestoreTarget {
        settings,
        tools,
        database,
        cancel: &NEVER,
    }
}

use crate::fixture::{CONTENT, database, dump, failing, pieces, settings, target, tools};
use backup_core::{Error, ErrorKind};
use backup_postgres::{
    Session,
    archive::{Limits, read_contents},
    dump::Compression,
    restore::{lock_need, missing_roles, restore_in_place},
    server_facts, surviving_tables,
};
use backup_tests::{Postgres, PostgresOptions, fingerprint};
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

const LIVE: &str = "CREATE TABLE accounts (id int, only_here text); INSERT INTO accounts VALUES (1, 'live');
    CREATE TABLE made_later (x int); INSERT INTO made_later VALUES (42);";

#[tokio::test]
async fn a_restored_database_is_what_was_dumped() {
    let server = Postgres::shared();
    database(server, "trip", CONTENT);
    let before = fingerprint(server, "trip");
    let (settings, tools) = (settings(server), tools().await);
    for compression in [Compression::None, Compression::Nine] {
        let bytes = dump(server, "trip", compression).await;
        server.psql(
            "trip",
            "DELETE FROM odd.\"Entries of ü\"; DROP TABLE empty; CREATE INDEX later ON accounts (note)",
        );
        restore_in_place(target(&settings, &tools, "trip"), pieces(&bytes))
            .await
            .unwrap();
        assert_eq!(fingerprint(server, "trip"), before);
    }
}

#[tokio::test]
async fn a_dump_that_fails_or_is_cut_anywhere_leaves_the_live_database_as_it_was() {
    let server = Postgres::shared();
    database(server, "cut_source", CONTENT);
    database(server, "cut_live", LIVE);
    let before = fingerprint(server, "cut_live");
    let bytes = dump(server, "cut_source", Compression::None).await;
    let (settings, tools) = (settings(server), tools().await);
    let whole = bytes.len();
    for length in [whole, whole - 1, whole - 5, whole - 6, whole / 2, 20_000, 1] {
        let result = restore_in_place(target(&settings, &tools, "cut_live"), failing(&bytes.slice(..length))).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Damaged, "fails after {length}");
        assert_eq!(fingerprint(server, "cut_live"), before, "fails after {length}");
    }
    for length in [whole - 1, whole - 5, whole - 6, whole / 2, 0] {
        let result = restore_in_place(target(&settings, &tools, "cut_live"), pieces(&bytes.slice(..length))).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Damaged, "ends after {length}");
        assert_eq!(fingerprint(server, "cut_live"), before, "ends after {length}");
    }
    let longer = Bytes::from([&bytes[..], &[0; 40_000]].concat());
    assert!(
        restore_in_place(target(&settings, &tools, "cut_live"), pieces(&longer))
            .await
            .is_err()
    );
    assert_eq!(fingerprint(server, "cut_live"), before, "bytes after the end");
}

#[tokio::test]
async fn a_schema_without_data_is_not_committed_before_its_end_is_proven() {
    let server = Postgres::shared();
    database(server, "bare_source", "CREATE VIEW fresh AS SELECT 1");
    database(server, "bare_live", LIVE);
    let before = fingerprint(server, "bare_live");
    let bytes = dump(server, "bare_source", Compression::None).await;
    let (settings, tools) = (settings(server), tools().await);
    let stream = stream::iter([Ok(bytes)]).chain(stream::once(async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        Err(Error::new(ErrorKind::Damaged, "no end"))
    }));
    assert!(
        restore_in_place(target(&settings, &tools, "bare_live"), stream)
            .await
            .is_err()
    );
    assert_eq!(fingerprint(server, "bare_live"), before);
}

/// Whoever feeds `pg_restore` and is killed leaves it an input that ends before its last byte.
#[tokio::test]
async fn a_restore_whose_feeder_is_killed_leaves_the_live_database_as_it_was() {
    let server = Postgres::shared();
    database(server, "feeder_source", CONTENT);
    database(server, "feeder_live", LIVE);
    let before = fingerprint(server, "feeder_live");
    let bytes = dump(server, "feeder_source", Compression::None).await;
    for missing in [1, 16_384] {
        let mut restore = Command::new(format!("{}/pg_restore", Postgres::BINARIES))
            .args([
                "--single-transaction",
                "--clean",
                "--if-exists",
                "--exit-on-error",
                "--dbname=feeder_live",
            ])
            .envs(server.environment())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = restore.stdin.take().unwrap();
        stdin.write_all(&bytes[..bytes.len() - missing]).unwrap();
        drop(stdin);
        assert!(!restore.wait().unwrap().success());
        assert_eq!(fingerprint(server, "feeder_live"), before);
    }
}

#[tokio::test]
async fn a_restore_that_is_dropped_leaves_the_live_database_as_it_was() {
    let server = Postgres::shared();
    database(server, "drop_source", CONTENT);
    database(server, "drop_live", LIVE);
    let before = fingerprint(server, "drop_live");
    let bytes = dump(server, "drop_source", Compression::None).await;
    let (settings, tools) = (settings(server), tools().await);
    let endless = pieces(&bytes).chain(stream::pending());
    let restore = restore_in_place(target(&settings, &tools, "drop_live"), endless);
    assert!(
        tokio::time::timeout(std::time::Duration::from_secs(1), restore)
            .await
            .is_err()
    );
    assert_eq!(fingerprint(server, "drop_live"), before);
}

#[tokio::test]
async fn a_restore_that_the_server_refuses_changes_nothing_and_shows_why() {
    let server = Postgres::shared();
    server.psql("postgres", "CREATE ROLE vanishing");
    let script = "CREATE TABLE mine (x int); ALTER TABLE mine OWNER TO vanishing; CREATE TABLE big AS SELECT generate_series(1, 200000) AS n";
    database(server, "refused_source", script);
    database(server, "refused_live", LIVE);
    let before = fingerprint(server, "refused_live");
    let bytes = dump(server, "refused_source", Compression::None).await;
    server.psql("postgres", "DROP DATABASE refused_source; DROP ROLE vanishing");
    let (settings, tools) = (settings(server), tools().await);
    let contents = read_contents(pieces(&bytes), Limits::default()).await.unwrap().unwrap();
    let session = Session::connect(&settings, "refused_live").await.unwrap();
    assert_eq!(missing_roles(&session, &contents).await.unwrap(), ["vanishing"]);
    let error = restore_in_place(target(&settings, &tools, "refused_live"), pieces(&bytes))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceFailed);
    assert!(error.chain().contains("role \"vanishing\" does not exist"), "{error:?}");
    assert_eq!(fingerprint(server, "refused_live"), before);
}

#[tokio::test]
async fn every_role_that_a_dump_names_is_looked_for_and_not_owners_alone() {
    let server = Postgres::start();
    let roles = ["\"Odd, one\"", "giver", "later", "reader", "tenant"];
    for role in roles {
        server.psql("postgres", &format!("CREATE ROLE {role}"));
    }
    let script = "CREATE TABLE t (x int, tenant text); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON t FOR SELECT TO tenant USING (tenant = current_user AND tenant <> ' TO nobody');
        GRANT SELECT (x) ON t TO reader WITH GRANT OPTION; GRANT SELECT ON t TO giver WITH GRANT OPTION;
        SET ROLE giver; GRANT SELECT ON t TO \"Odd, one\"; RESET ROLE;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO later";
    database(&server, "granted", script);
    let bytes = dump(&server, "granted", Compression::None).await;
    let settings = settings(&server);
    let contents = read_contents(pieces(&bytes), Limits::default()).await.unwrap().unwrap();
    assert_eq!(contents.unread_privileges, 0);
    let session = Session::connect(&settings, "postgres").await.unwrap();
    assert!(missing_roles(&session, &contents).await.unwrap().is_empty());
    server.psql("postgres", "DROP DATABASE granted");
    for role in roles {
        server.psql("postgres", &format!("DROP ROLE {role}"));
    }
    database(&server, "granted", "");
    assert_eq!(
        missing_roles(&session, &contents).await.unwrap(),
        ["Odd, one", "giver", "later", "reader", "tenant"]
    );
    // Not refused for nothing: the restore indeed fails.
    let tools = tools().await;
    let error = restore_in_place(target(&settings, &tools, "granted"), pieces(&bytes))
        .await
        .map(drop)
        .unwrap_err();
    assert!(error.chain().contains("does not exist"), "{error:?}");
}

#[tokio::test]
async fn tables_made_after_the_backup_are_listed_and_survive() {
    let server = Postgres::shared();
    database(server, "later", CONTENT);
    let bytes = dump(server, "later", Compression::None).await;
    server.psql(
        "later",
        "CREATE TABLE odd.made_later (x int); INSERT INTO odd.made_later VALUES (42)",
    );
    let (settings, tools) = (settings(server), tools().await);
    let contents = read_contents(pieces(&bytes), Limits::default()).await.unwrap().unwrap();
    let session = Session::connect(&settings, "later").await.unwrap();
    let surviving = surviving_tables(&session, &contents).await.unwrap();
    assert_eq!(
        surviving.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["odd.made_later"]
    );
    drop(session);
    restore_in_place(target(&settings, &tools, "later"), pieces(&bytes))
        .await
        .unwrap_err();
    server.psql("later", "ALTER TABLE odd.made_later SET SCHEMA public");
    restore_in_place(target(&settings, &tools, "later"), pieces(&bytes))
        .await
        .unwrap();
    assert_eq!(server.psql("later", "SELECT x FROM made_later"), "42");
}

fn tables(count: u32) -> String {
    (0..count).fold(String::new(), |mut script, number| {
        writeln!(script, "CREATE TABLE t{number} (id int PRIMARY KEY, name text);").expect("a string");
        script
    })
}

#[tokio::test]
async fn a_restore_that_would_run_out_of_locks_is_refused_before_it_begins() {
    let server = Postgres::start_with(&PostgresOptions {
        settings: vec![("max_connections".into(), "20".into())],
        ..PostgresOptions::default()
    });
    database(&server, "many", &tables(500));
    let bytes = dump(&server, "many", Compression::None).await;
    let (settings, tools) = (settings(&server), tools().await);
    let contents = read_contents(pieces(&bytes), Limits::default()).await.unwrap().unwrap();
    let session = Session::connect(&settings, "many").await.unwrap();
    let facts = server_facts(&session).await.unwrap();
    let need = lock_need(&session, &facts, &contents).await.unwrap();
    assert_eq!((need.capacity, need.creates >= 500 * 4), (42 * 64, true));
    assert_eq!(need.check().unwrap_err().kind(), ErrorKind::Refused);
    drop(session);
    // It is not refused for nothing: the server indeed runs out.
    let error = restore_in_place(target(&settings, &tools, "many"), pieces(&bytes))
        .await
        .map(drop)
        .unwrap_err();
    assert!(error.chain().contains("max_locks_per_transaction"), "{error:?}");
    assert_eq!(
        server.psql("many", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        "500"
    );
}

//! `pg_restore` of 18 onto a server 15.

use crate::{
    fixture::{CONTENT, database, dump_with, failing, pieces, settings, target, until},
    tls,
};
use backup_core::ErrorKind;
use backup_postgres::{
    ClientTools, ServerSettings, SslMode, ToolLocations,
    restore::{Placement, restore_in_place, restore_into_fresh},
};
use backup_tests::{Postgres, fingerprint, postgres_binaries};
use bytes::Bytes;
use futures::{StreamExt, stream};

const LIVE: &str = "CREATE TABLE accounts (id int, only_here text); INSERT INTO accounts VALUES (1, 'live');
    CREATE TABLE made_later (x int); INSERT INTO made_later VALUES (42);";

async fn newest() -> ClientTools {
    let locations = ToolLocations {
        folder: Some(postgres_binaries(18)),
        path: None,
    };
    ClientTools::find(&locations, 18).await.unwrap()
}

/// A database of this name, and its dump by `pg_dump` of 18.
async fn dumped(server: &Postgres, name: &str) -> Bytes {
    database(server, name, CONTENT);
    dump_with(&newest().await, server, name).await
}

#[tokio::test]
async fn a_newer_pg_restore_that_fails_or_is_cut_anywhere_leaves_an_older_servers_database_as_it_was() {
    let (server, tools) = (Postgres::shared(), newest().await);
    let bytes = dumped(server, "newer_cut_source").await;
    database(server, "newer_cut", LIVE);
    let before = fingerprint(server, "newer_cut");
    let (settings, whole) = (settings(server), bytes.len());
    for length in [whole, whole - 1, whole - 6, whole / 2, 20_000] {
        let target = target(&settings, &tools, "newer_cut");
        let failed = restore_in_place(target, failing(&bytes.slice(..length))).await;
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Damaged, "fails after {length}");
        assert_eq!(fingerprint(server, "newer_cut"), before, "fails after {length}");
        if length < whole {
            let cut = restore_in_place(target, pieces(&bytes.slice(..length))).await;
            assert_eq!(cut.unwrap_err().kind(), ErrorKind::Damaged, "ends after {length}");
            assert_eq!(fingerprint(server, "newer_cut"), before, "ends after {length}");
        }
    }
    let target = target(&settings, &tools, "newer_cut");
    restore_in_place(target, pieces(&bytes)).await.unwrap();
    server.psql("newer_cut", "DROP TABLE made_later");
    assert_eq!(
        fingerprint(server, "newer_cut"),
        fingerprint(server, "newer_cut_source")
    );
}

/// The sessions that `pg_restore` has in `database`.
fn sessions(server: &Postgres, database: &str) -> String {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()");
    server.psql("postgres", &sql)
}

#[tokio::test]
async fn a_newer_pg_restore_that_is_dropped_leaves_no_session_and_nothing_changed() {
    let (server, tools) = (Postgres::shared(), newest().await);
    let bytes = dumped(server, "newer_dropped_source").await;
    database(server, "newer_dropped", LIVE);
    let before = fingerprint(server, "newer_dropped");
    let settings = settings(server);
    let endless = pieces(&bytes).chain(stream::pending());
    let restore = restore_in_place(target(&settings, &tools, "newer_dropped"), endless);
    tokio::select! {
        restored = restore => panic!("an endless dump ended: {restored:?}"),
        () = until("a session that restores", || sessions(server, "newer_dropped") == "1") => {}
    }
    until("no session", || sessions(server, "newer_dropped") == "0").await;
    assert_eq!(fingerprint(server, "newer_dropped"), before);
}

#[tokio::test]
async fn a_server_that_dies_under_a_newer_pg_restore_is_an_error_and_nothing_changed() {
    let (mut server, tools) = (Postgres::start(), newest().await);
    let bytes = dumped(&server, "newer_killed_source").await;
    database(&server, "newer_killed", LIVE);
    server.psql("postgres", "CHECKPOINT");
    let before = fingerprint(&server, "newer_killed");
    let settings = settings(&server);
    let (killed, is_killed) = tokio::sync::oneshot::channel::<()>();
    // All but the end comes while the server lives, the end when it is dead.
    let (most, end) = (bytes.slice(..bytes.len() - 16), bytes.slice(bytes.len() - 16..));
    let rest = stream::once(async move {
        is_killed.await.unwrap();
        Ok(end)
    });
    let dump = pieces(&most).chain(rest);
    let target = target(&settings, &tools, "newer_killed");
    let kill = async {
        until("a session that restores", || sessions(&server, "newer_killed") == "1").await;
        server.kill();
        killed.send(()).unwrap();
    };
    let (restored, ()) = tokio::join!(restore_in_place(target, dump), kill);
    restored.unwrap_err();
    server.start_again();
    assert_eq!(fingerprint(&server, "newer_killed"), before);
}

/// In place, and into a fresh database.
async fn restores(settings: &ServerSettings, server: &Postgres, name: &str, bytes: &Bytes) {
    let tools = newest().await;
    let before = fingerprint(server, name);
    server.psql(name, "DELETE FROM odd.\"Entries of ü\"; DROP TABLE empty");
    let target = target(settings, &tools, name);
    restore_in_place(target, pieces(bytes)).await.unwrap();
    assert_eq!(fingerprint(server, name), before, "{}", settings.sslmode);
    server.psql("postgres", &format!("DROP DATABASE {name}"));
    restore_into_fresh(target, Placement::Create, crate::fixture::id(), None, pieces(bytes))
        .await
        .unwrap();
    assert_eq!(fingerprint(server, name), before, "{}", settings.sslmode);
}

#[tokio::test]
async fn a_newer_pg_restore_reaches_an_older_server_by_tls_and_by_its_socket() {
    let folder = tls::certificates();
    let root = folder.path().join("ca.pem");
    let server = tls::server(folder.path(), "cert");
    let bytes = dumped(&server, "newer_far").await;
    let ca = |sslmode, sslrootcert| ServerSettings {
        sslmode,
        sslrootcert,
        ..settings(&server)
    };
    let socket = ServerSettings {
        host: server.socket_folder(),
        ..settings(&server)
    };
    let ways = [
        ca(SslMode::Disable, None),
        ca(SslMode::Allow, None),
        ca(SslMode::Prefer, None),
        ca(SslMode::Require, None),
        ca(SslMode::VerifyCa, Some(root.clone())),
        socket,
    ];
    for settings in &ways {
        restores(settings, &server, "newer_far", &bytes).await;
    }
    let wrong = ca(SslMode::VerifyFull, Some(root));
    let error = restore_in_place(target(&wrong, &newest().await, "newer_far"), pieces(&bytes)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::SourceFailed);
}

#[tokio::test]
async fn a_newer_pg_restore_logs_in_with_a_client_certificate_where_the_server_takes_nothing_else() {
    let folder = tls::certificates();
    let (settings, server) = tls::certificate_alone(folder.path());
    let bytes = dumped(&server, "newer_certified").await;
    restores(&settings, &server, "newer_certified", &bytes).await;
}

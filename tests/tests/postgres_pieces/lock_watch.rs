//! A restore in place and sessions that are in its way.

use crate::fixture::{CONTENT, database, dump, pieces, settings, target, tools, until};
use backup_core::ErrorKind;
use backup_postgres::{ServerSettings, dump::Compression, restore::restore_in_place};
use backup_tests::{Postgres, fingerprint};
use std::{
    io::Write,
    process::{Child, Command, Stdio},
    time::Duration,
};

const OURS: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'platform-backup restore %'";
const TELLER: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'teller'";

/// A session that has read a table and not ended its transaction: the input of a `psql` that waits for more.
async fn reader(server: &Postgres, database: &str) -> Child {
    let mut session = Command::new(format!("{}/psql", Postgres::BINARIES))
        .args(["-X", "-q", "-d", database])
        .envs(server.environment())
        .env("PGAPPNAME", "teller")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(
        session.stdin.as_mut().unwrap(),
        "BEGIN; SELECT count(*) FROM accounts; SELECT 'ready' AS its_last_query;"
    )
    .unwrap();
    let ready = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'teller' AND query LIKE '%its_last_query%' AND state = 'idle in transaction'";
    until("the session that reads", || server.psql("postgres", ready) == "1").await;
    session
}

/// Ends the session of [`reader`]; its server process goes a moment later.
async fn end(server: &Postgres, mut session: Child) {
    drop(session.stdin.take());
    session.wait().unwrap();
    until("the end of the session", || server.psql("postgres", TELLER) == "0").await;
}

#[tokio::test]
async fn a_lock_that_others_hold_ends_the_restore_with_their_name_and_neither_them_nor_the_database() {
    let server = Postgres::start();
    database(&server, "busy", CONTENT);
    let bytes = dump(&server, "busy", Compression::None).await;
    server.psql("busy", "DELETE FROM odd.\"Entries of ü\"");
    let before = fingerprint(&server, "busy");
    let session = reader(&server, "busy").await;
    let (settings, tools) = (
        ServerSettings {
            lock_timeout: Duration::from_secs(1),
            ..settings(&server)
        },
        tools().await,
    );
    let error = restore_in_place(target(&settings, &tools, "busy"), pieces(&bytes))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceFailed);
    let pid = server.psql(
        "postgres",
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'teller'",
    );
    let text = error.chain();
    for part in [
        &format!("session {pid} ")[..],
        "user kernel",
        "application 'teller'",
        "idle in transaction",
        "query begun 20",
    ] {
        assert!(text.contains(part), "{part} not in {text}");
    }
    assert!(
        error.hints()[0].contains(&format!("pg_terminate_backend({pid})")),
        "{error:?}"
    );
    // Theirs lives, ours does not, and the table can be read: nobody waits behind a restore that is gone.
    assert_eq!(server.psql("postgres", TELLER), "1");
    assert_eq!(server.psql("postgres", OURS), "0");
    assert_eq!(fingerprint(&server, "busy"), before);
    end(&server, session).await;
    // Not with the patience of a second: autovacuum gives way to a restore, and not at once.
    let patient = ServerSettings {
        lock_timeout: Duration::from_secs(60),
        ..settings
    };
    restore_in_place(target(&patient, &tools, "busy"), pieces(&bytes))
        .await
        .unwrap();
    assert_ne!(fingerprint(&server, "busy"), before);
}

#[tokio::test]
async fn a_restore_that_is_stopped_while_it_waits_for_a_lock_leaves_no_session_behind() {
    let server = Postgres::start();
    database(&server, "stopped", CONTENT);
    let bytes = dump(&server, "stopped", Compression::None).await;
    let session = reader(&server, "stopped").await;
    let (settings, tools) = (settings(&server), tools().await);
    let cancel = tokio_util::sync::CancellationToken::new();
    let mut target = target(&settings, &tools, "stopped");
    target.cancel = &cancel;
    let stop = async {
        let waits = format!("{OURS} AND wait_event_type = 'Lock'");
        until("the restore that waits", || server.psql("postgres", &waits) == "1").await;
        cancel.cancel();
    };
    let (restored, ()) = tokio::join!(restore_in_place(target, pieces(&bytes)), stop);
    assert_eq!(restored.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(server.psql("postgres", OURS), "0");
    end(&server, session).await;
}

//! A server that stands still ends a wait; one that works does not.

use crate::{
    dump::{LARGE, start},
    fixture::{CONTENT, database, dump, exists, id, pieces, settings, target, tools, until},
};
use backup_core::{Error, ErrorKind, Result};
use backup_postgres::{
    Secret, ServerSettings, Session,
    dump::Compression,
    restore::{Placement, restore_in_place, restore_into_fresh},
    server_facts,
};
use backup_tests::{MuteProxy, Postgres, fingerprint};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

const DEADLINE: Duration = Duration::from_secs(1);

/// A process of the server that is stopped, until this is dropped.
struct Stopped(Pid);

impl Stopped {
    /// That of the only session for which this holds.
    async fn session(server: &Postgres, which: &str) -> Self {
        let asked = format!("SELECT pid FROM pg_stat_activity WHERE {which} AND pid <> pg_backend_pid()");
        until(which, || server.psql("postgres", &asked).parse::<i32>().is_ok()).await;
        let pid = Pid::from_raw(server.psql("postgres", &asked).parse().unwrap()).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        kill_process(self.0, Signal::CONT).unwrap();
    }
}

fn hasty(server: &Postgres) -> ServerSettings {
    ServerSettings {
        deadline: DEADLINE,
        ..settings(server)
    }
}

fn through(proxy: &MuteProxy, server: &Postgres) -> ServerSettings {
    ServerSettings {
        port: proxy.port(),
        connect_timeout: Duration::from_secs(20),
        ..hasty(server)
    }
}

#[track_caller]
fn demand(error: &Error, kind: ErrorKind, text: &str) {
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.chain().contains(text), "{error:?}");
    assert!(!error.hints().is_empty(), "{error:?}");
}

/// The error of a stream that ends with one.
async fn last_error(stream: impl Stream<Item = Result<Bytes>>) -> Error {
    let last = stream.fold(None, |_, item| async { Some(item) }).await;
    last.unwrap().unwrap_err()
}

/// A dump of which half comes at once, and the rest when `more` was done.
fn in_halves<F: Future<Output = ()> + Send + 'static>(
    bytes: &Bytes,
    more: F,
) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let (first, rest) = (bytes.slice(..bytes.len() / 2), bytes.slice(bytes.len() / 2..));
    let wait = stream::once(more).filter_map(|()| async { None });
    // The last piece before the wait is held back.
    let first = [first.slice(..first.len() - 1), first.slice(first.len() - 1..)];
    stream::iter(first.map(Ok)).chain(wait).chain(stream::iter([Ok(rest)]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_whose_answer_is_swallowed_ends_and_says_where() {
    let server = Postgres::shared();
    let proxy = MuteProxy::start(server.port()).await;
    let session = Session::connect(&through(&proxy, server), "postgres").await.unwrap();
    server_facts(&session).await.unwrap();
    proxy.mute_these();
    let error = server_facts(&session).await.unwrap_err();
    demand(&error, ErrorKind::SourceUnreachable, "the server waits for this side");
    // Nothing more is expected of it.
    let again = server_facts(&session).await.unwrap_err();
    assert!(again.chain().contains("closed"), "{again:?}");

    let session = Session::connect(&through(&proxy, server), "postgres").await.unwrap();
    proxy.mute_all();
    let error = server_facts(&session).await.unwrap_err();
    demand(
        &error,
        ErrorKind::SourceUnreachable,
        "a second session gets no answer either",
    );
}

#[tokio::test]
async fn a_server_that_takes_the_login_and_then_says_nothing_is_unreachable() {
    let server = Postgres::shared();
    let named = ServerSettings {
        application_name: "greeted".into(),
        connect_timeout: DEADLINE,
        // The first statement of ours waits as long as the test wants.
        options: Some("-c post_auth_delay=30".into()),
        ..settings(server)
    };
    let error = Session::connect(&named, "postgres").await.unwrap_err();
    demand(&error, ErrorKind::SourceUnreachable, "did not answer within 1 seconds");
}

#[tokio::test]
async fn a_statement_in_a_process_that_is_stopped_ends_and_names_the_process() {
    let server = Postgres::shared();
    let named = ServerSettings {
        application_name: "stopped-statement".into(),
        ..hasty(server)
    };
    let session = Session::connect(&named, "postgres").await.unwrap();
    let stopped = Stopped::session(server, "application_name = 'stopped-statement'").await;
    let error = server_facts(&session).await.unwrap_err();
    let what = format!("the server's process {} is stopped", stopped.0.as_raw_nonzero());
    demand(&error, ErrorKind::SourceFailed, &what);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_whose_server_process_is_stopped_or_whose_bytes_are_swallowed_ends() {
    let server = Postgres::shared();
    database(server, "still_dump", LARGE);
    let mut dump = start(&hasty(server), "still_dump").await;
    dump.next().await.unwrap().unwrap();
    let stopped = Stopped::session(
        server,
        "application_name LIKE 'platform-backup dump %' AND datname = 'still_dump'",
    )
    .await;
    demand(&last_error(dump).await, ErrorKind::SourceFailed, "is stopped");
    drop(stopped);

    let proxy = MuteProxy::start(server.port()).await;
    for all in [false, true] {
        let mut dump = start(&through(&proxy, server), "still_dump").await;
        dump.next().await.unwrap().unwrap();
        if all {
            proxy.mute_all()
        } else {
            proxy.mute_these()
        }
        let error = last_error(dump).await;
        let text = if all {
            "gets no answer either"
        } else {
            "waits for this side"
        };
        demand(&error, ErrorKind::SourceUnreachable, text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_whose_server_stands_still_half_way_ends_and_changes_nothing() {
    let server = Postgres::shared();
    database(server, "still_restore", LARGE);
    let bytes = dump(server, "still_restore", Compression::None).await;
    server.psql("still_restore", "DELETE FROM large WHERE n > 7");
    let before = fingerprint(server, "still_restore");
    let tools = tools().await;
    let proxy = MuteProxy::start(server.port()).await;
    let settings = through(&proxy, server);
    for all in [false, true] {
        let (proxy, opened) = (&proxy, proxy.opened());
        let target = target(&settings, &tools, "still_restore");
        let (mute, now) = tokio::sync::oneshot::channel::<()>();
        let held = in_halves(&bytes, async { drop(now.await) });
        let silence = async {
            // The watch, and the restore.
            until("both sessions", || proxy.opened() >= opened + 2).await;
            until("the data", || {
                let copying =
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = 'still_restore' AND query LIKE 'COPY%'";
                server.psql("postgres", copying) == "1"
            })
            .await;
            if all {
                proxy.mute_all()
            } else {
                proxy.mute_these()
            }
            mute.send(()).unwrap();
        };
        let (restored, ()) = tokio::join!(restore_in_place(target, held), silence);
        let error = restored.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SourceUnreachable, "{error:?}");
    }
    // The server finds out by itself that nobody is there any more once the proxy is gone.
    drop(proxy);
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'still_restore'";
    until("the end of the sessions", || server.psql("postgres", ours) == "0").await;
    assert_eq!(fingerprint(server, "still_restore"), before);
}

/// Views whose content is made again by a restore: slowly, and by work that shows in no wait of the server.
const SLOW: &str = "
    CREATE MATERIALIZED VIEW sleepy AS SELECT pg_sleep(5)::text AS woken;
    CREATE MATERIALIZED VIEW busy AS SELECT count(*) FROM generate_series(1, 30000000);
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_process_that_is_stopped_at_the_very_end_of_a_restore_leaves_nothing_behind() {
    let server = Postgres::start();
    database(&server, "still_end", CONTENT);
    server.psql(
        "still_end",
        "CREATE MATERIALIZED VIEW sleepy AS SELECT pg_sleep(3)::text AS woken",
    );
    let bytes = dump(&server, "still_end", Compression::None).await;
    let (settings, tools) = (hasty(&server), tools().await);
    let stop = async {
        let asleep = "wait_event = 'PgSleep' AND application_name LIKE 'platform-backup restore %'";
        Stopped::session(&server, asleep).await
    };
    let restored = restore_into_fresh(
        target(&settings, &tools, "anew"),
        Placement::Create,
        id(),
        None,
        pieces(&bytes),
    );
    let (restored, stopped) = tokio::join!(restored, stop);
    let error = restored.unwrap_err();
    demand(&error, ErrorKind::SourceFailed, "is stopped");
    assert!(
        error
            .hints()
            .iter()
            .any(|hint| hint.contains("all of the dump was sent")),
        "{error:?}"
    );
    // A stopped process cannot be ended, and the database not be dropped before: both is said.
    assert!(
        error.hints().iter().any(|hint| hint.contains("could not be dropped")),
        "{error:?}"
    );
    assert!(!exists(&server, "anew"));
    drop(stopped);
}

/// A table that others hold for longer than the deadline.
fn hold(server: &Postgres, database: &str, seconds: u32) -> Child {
    Command::new(format!("{}/psql", Postgres::BINARIES))
        .args(["-X", "-q", "-d", database, "-c"])
        .arg(format!("BEGIN; LOCK TABLE large; SELECT pg_sleep({seconds}); COMMIT"))
        .envs(server.environment())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_works_or_waits_for_others_is_waited_for_however_long_nothing_comes() {
    let server = Postgres::shared();
    database(server, "honest", &format!("{LARGE}; {SLOW}"));
    let bytes = dump(server, "honest", Compression::None).await;
    let before = fingerprint(server, "honest");
    let (settings, tools) = (hasty(server), tools().await);
    restore_in_place(target(&settings, &tools, "honest"), pieces(&bytes))
        .await
        .unwrap();
    assert_eq!(fingerprint(server, "honest"), before);

    let mut holder = hold(server, "honest", 5);
    let held =
        "SELECT count(*) FROM pg_locks WHERE relation = 'large'::regclass AND mode = 'AccessExclusiveLock' AND granted";
    until("the lock is held", || server.psql("honest", held) == "1").await;
    let pieces: Vec<_> = start(&settings, "honest").await.collect().await;
    assert!(pieces.iter().all(Result::is_ok), "{:?}", pieces.last());
    holder.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_see_processes_is_waited_for_too_and_leaves_no_error_in_the_servers_log() {
    let server = Postgres::start();
    server.psql(
        "postgres",
        "CREATE ROLE plain LOGIN CREATEDB PASSWORD 'plain-1'; CREATE DATABASE plain OWNER plain",
    );
    server.psql("plain", "CREATE MATERIALIZED VIEW sleepy AS SELECT pg_sleep(4)::text AS woken; ALTER MATERIALIZED VIEW sleepy OWNER TO plain");
    let bytes = dump(&server, "plain", Compression::None).await;
    let plain = ServerSettings {
        user: "plain".into(),
        password: Some(Secret::new("plain-1")),
        ..hasty(&server)
    };
    let tools = tools().await;
    restore_into_fresh(
        target(&plain, &tools, "plain_anew"),
        Placement::Create,
        id(),
        None,
        pieces(&bytes),
    )
    .await
    .unwrap();
    assert_eq!(server.psql("plain_anew", "SELECT count(*) FROM sleepy"), "1");
    let log = server.log();
    assert!(!log.contains("ERROR"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_that_the_reader_takes_is_not_the_servers() {
    let server = Postgres::shared();
    database(server, "slow_reader", LARGE);
    let mut dump = start(&hasty(server), "slow_reader").await;
    dump.next().await.unwrap().unwrap();
    tokio::time::sleep(4 * DEADLINE).await;
    while let Some(piece) = dump.next().await {
        piece.unwrap();
    }
}

//! What stands still is given up, and named: the server as the server, the store as the store.

use crate::{
    bed::{Bed, Output, database},
    signals::{TableLock, wait_until, waits_for_a_lock},
};
use backup_tests::{Minio, MuteProxy, Postgres};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Child;
use tokio::runtime::Runtime;

/// The process of the server that waits for a lock, for a `pg_dump` or `pg_restore`.
fn waiting(server: &Postgres, database: &str) -> Pid {
    let asked = format!("SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'");
    wait_until(|| waits_for_a_lock(server, database));
    Pid::from_raw(server.psql("postgres", &asked).parse().unwrap()).unwrap()
}

fn ended(running: Child) -> Output {
    Output::of(running.wait_with_output().unwrap())
}

#[test]
fn a_dump_ends_with_6_when_the_servers_process_is_stopped_and_with_5_when_nothing_comes_through() {
    let (mut bed, name) = (Bed::folder(), "stands_still");
    let server = database(name);
    let lock = TableLock::take(server, name, "accounts");
    let dump = ["--deadline", "5s", "--database", name];
    let running = bed.start(&dump);
    let stopped = waiting(server, name);
    kill_process(stopped, Signal::STOP).unwrap();
    let output = ended(running);
    kill_process(stopped, Signal::CONT).unwrap();
    let what = format!("the server's process {} is stopped", stopped.as_raw_nonzero());
    output.ends_with(6).says(&[&what, "HINT: "]);
    let ended_there = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = {}",
        stopped.as_raw_nonzero()
    );
    drop(lock);
    wait_until(|| server.psql("postgres", &ended_there) == "0");

    let lock = TableLock::take(server, name, "accounts");
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(MuteProxy::start(server.port()));
    bed.set("PGPORT", &proxy.port().to_string());
    let running = bed.start(&dump);
    waiting(server, name);
    proxy.mute_all();
    ended(running).ends_with(5).says(&[
        "nothing came for 5 seconds",
        "a second session gets no answer either",
        "HINT: ",
    ]);
    bed.run(&["check", "--deadline", "5s"])
        .ends_with(12)
        .shows(&["did not answer within 5 seconds"]);
    drop(lock);
}

#[test]
fn a_restore_whose_connection_is_dead_ends_with_5_and_leaves_the_database_as_it_was() {
    let (mut bed, server) = (Bed::folder(), database("dead_line"));
    bed.dump("dead_line");
    server.psql("dead_line", "DELETE FROM entries");
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(MuteProxy::start(server.port()));
    bed.set("PGPORT", &proxy.port().to_string());
    let lock = TableLock::take(server, "dead_line", "accounts");
    let running = bed.start(&["restore", "dead_line", "--confirm", "dead_line", "--deadline", "5s"]);
    waiting(server, "dead_line");
    proxy.mute_all();
    ended(running).ends_with(5).says(&["gets no answer either"]);
    drop(proxy);
    drop(lock);
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'dead_line' AND application_name LIKE 'platform-backup%'";
    wait_until(|| server.psql("postgres", ours) == "0");
    assert_eq!(server.psql("dead_line", "SELECT count(*) FROM entries"), "0");
}

#[test]
fn a_store_that_stands_still_in_an_upload_ends_with_7_and_is_no_other_runs_lock() {
    let (mut bed, name) = (Bed::minio(), "silent_store");
    let server = database(name);
    let lock = TableLock::take(server, name, "accounts");
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(MuteProxy::start(Minio::shared().port()));
    let direct = bed.look();
    bed.set("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", proxy.port()));
    let running = bed.start(&["--deadline", "5s", "--database", name]);
    waiting(server, name);
    proxy.mute_all();
    drop(lock);
    ended(running)
        .ends_with(7)
        .says(&["the store does not answer", "HINT: check the endpoint"]);
    assert_eq!(direct.manifests(), Vec::<String>::new());
    for verb in [
        &["list"][..],
        &["verify"],
        &["prune"],
        &["restore", name, "--confirm", name],
    ] {
        let arguments = [verb, &["--deadline", "5s"]].concat();
        bed.run(&arguments).ends_with(7).says(&["does not answer"]);
    }
}

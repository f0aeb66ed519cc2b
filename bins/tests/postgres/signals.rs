//! Stopped half-way: nothing is half there, and the next run starts at once.

use crate::bed::{Bed, Output, database};
use backup_tests::{Action, FaultProxy, Minio, Postgres, Rule, load_big_table};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::Write,
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Holds a table so that `pg_dump` waits for it, until dropped.
pub(crate) struct TableLock {
    session: Child,
    statements: Option<ChildStdin>,
}

impl TableLock {
    pub(crate) fn take(server: &Postgres, database: &str, table: &str) -> Self {
        let mut session = Command::new("psql")
            .args(["-X", "-q", "-d", database])
            .envs(server.environment())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut statements = session.stdin.take().unwrap();
        writeln!(statements, "BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;").unwrap();
        let held = format!(
            "SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'AccessExclusiveLock' AND granted"
        );
        wait_until(|| server.psql(database, &held) == "1");
        Self {
            session,
            statements: Some(statements),
        }
    }
}

impl Drop for TableLock {
    fn drop(&mut self) {
        drop(self.statements.take());
        self.session.wait().unwrap();
    }
}

/// Whether somebody waits for a lock in the database.
pub(crate) fn waits_for_a_lock(server: &Postgres, database: &str) -> bool {
    let waiting =
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'");
    server.psql("postgres", &waiting) != "0"
}

pub(crate) fn wait_until(ready: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ready() {
        assert!(Instant::now() < deadline, "it did not happen within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn send(signal: Signal, to: &Child) {
    kill_process(Pid::from_child(to), signal).unwrap();
}

/// The command with signals as a terminal has them, however the tests were started (`nohup`, in the background).
pub(crate) fn with_signals(how: &str, command: &Command) -> Command {
    let mut under = Command::new("/usr/bin/env");
    under.arg(how).arg(command.get_program()).args(command.get_args());
    under.env_clear();
    for (name, value) in command.get_envs() {
        under.env(name, value.unwrap());
    }
    under.current_dir(command.get_current_dir().unwrap());
    under.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    under
}

fn start_hearing(bed: &Bed, arguments: &[&str]) -> Child {
    let mut command = with_signals("--default-signal=HUP,INT,QUIT", &bed.command(arguments));
    command.spawn().unwrap()
}

fn stopped_while_pg_dump_waits(signal: Signal, code: i32, name: &str) {
    let (bed, server) = (Bed::minio(), database(name));
    let before = bed.dump(name);
    let data = bed.look().data();
    let lock = TableLock::take(server, name, "accounts");
    let running = start_hearing(&bed, &["--database", name]);
    wait_until(|| waits_for_a_lock(server, name));
    send(signal, &running);
    Output::of(running.wait_with_output().unwrap()).ends_with(code);
    assert_eq!(bed.look().data(), data);
    assert_eq!(bed.look().manifests(), [format!("_pbe/manifests/{before}.json")]);
    drop(lock);
    // No waiting for the lease: the default patience is none.
    bed.dump(name);
}

#[test]
fn sigterm_while_pg_dump_waits_ends_with_143_and_the_next_run_starts_at_once() {
    stopped_while_pg_dump_waits(Signal::TERM, 143, "stopped_by_term");
}

#[test]
fn sigint_while_pg_dump_waits_ends_with_130_and_the_next_run_starts_at_once() {
    stopped_while_pg_dump_waits(Signal::INT, 130, "stopped_by_int");
}

#[test]
fn sighup_while_pg_dump_waits_ends_with_129_and_the_next_run_starts_at_once() {
    stopped_while_pg_dump_waits(Signal::HUP, 129, "stopped_by_hup");
}

#[test]
fn sigquit_while_pg_dump_waits_ends_with_131_and_the_next_run_starts_at_once() {
    stopped_while_pg_dump_waits(Signal::QUIT, 131, "stopped_by_quit");
}

fn stopped_in_an_upload(signal: Signal, code: i32, name: &str) {
    let server = Postgres::shared();
    load_big_table(server, name, 60_000_000);
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    let mut bed = Bed::minio();
    let direct = bed.look();
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    proxy.add(
        Rule::new(Action::Stall(Duration::from_secs(600)))
            .method("PUT")
            .path("partNumber=2"),
    );
    let running = bed.start(&["--memory", "20MiB", "--compression-level", "1", "--database", name]);
    wait_until(|| proxy.log().iter().any(|request| request.contains("partNumber=2")));
    let marker = direct
        .keys()
        .into_iter()
        .find(|key| key.starts_with("_pbe/started/"))
        .unwrap();
    let key = format!("{}/{name}.pgdump.zst.pbe", marker.split('/').nth(2).unwrap());
    assert_eq!(direct.uploads(&key).len(), 1, "an upload is under way");
    send(signal, &running);
    Output::of(running.wait_with_output().unwrap()).ends_with(code);
    assert_eq!(direct.uploads(&key), []);
    assert_eq!((direct.data(), direct.manifests()), (vec![], vec![]));
    proxy.clear();
    bed.dump(name);
}

#[test]
fn a_second_signal_while_stopping_ends_the_program_and_its_pg_dump_at_once() {
    let (server, name) = (Postgres::shared(), "stopped_twice");
    load_big_table(server, name, 60_000_000);
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    let mut bed = Bed::minio();
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    let stall = || Rule::new(Action::Stall(Duration::from_secs(600)));
    proxy.add(stall().method("PUT").path("partNumber=2"));
    proxy.add(stall().method("DELETE"));
    let running = bed.start(&["--memory", "20MiB", "--compression-level", "1", "--database", name]);
    wait_until(|| proxy.log().iter().any(|request| request.contains("partNumber=2")));
    send(Signal::TERM, &running);
    wait_until(|| proxy.log().iter().any(|request| request.starts_with("DELETE ")));
    send(Signal::INT, &running);
    Output::of(running.wait_with_output().unwrap())
        .ends_with(130)
        .says(&["a second signal ends the program at once"]);
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
    wait_until(|| server.psql("postgres", &sessions) == "0");
}

#[test]
fn sigterm_in_an_upload_ends_with_143_and_leaves_neither_object_nor_upload() {
    stopped_in_an_upload(Signal::TERM, 143, "upload_term");
}

#[test]
fn sigint_in_an_upload_ends_with_130_and_leaves_neither_object_nor_upload() {
    stopped_in_an_upload(Signal::INT, 130, "upload_int");
}

#[test]
fn verbs_that_only_read_end_at_the_first_signal_whatever_the_store_does() {
    let (mut bed, _) = (Bed::minio(), database("heard_at_once"));
    let id = bed.dump("heard_at_once");
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    let key = format!("{id}/heard_at_once.pgdump.zst.pbe");
    let list = bed.command(&["list"]);
    let check = bed.command(&["check"]);
    let restore = bed.command(&["restore", "heard_at_once", "--confirm", "heard_at_once"]);
    let cat = bed.admin_command(&["cat", &key]);
    for mut command in [list, check, restore, cat] {
        proxy.clear();
        proxy.add(Rule::new(Action::Stall(Duration::from_secs(600))));
        let before = proxy.log().len();
        let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until(|| proxy.log().len() > before);
        send(Signal::TERM, &running);
        let output = Output::of(running.wait_with_output().unwrap()).ends_with(143);
        // By itself it would give the store up in a minute, and say so.
        assert!(!output.stderr.contains("does not answer"), "{}", output.stderr);
    }
}

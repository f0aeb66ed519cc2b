//! A terminal that is closed stops a run as SIGTERM does, unless it was started to outlive it.

use crate::{
    bed::{Bed, Output, database},
    signals::{TableLock, send, wait_until, waits_for_a_lock, with_signals},
};
use backup_tests::{Action, FaultProxy, Minio, Postgres, Rule};
use rustix::{
    fs::{Mode, OFlags},
    process::Signal,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use std::{
    fs::File,
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::runtime::Runtime;

const HEARD: &str = "--default-signal=HUP,INT,QUIT";
const IGNORED: &str = "--ignore-signal=HUP";

/// Both ends of a terminal: the one that its window holds, and the one that programs have.
fn terminal() -> (OwnedFd, File) {
    let window = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&window).unwrap();
    unlockpt(&window).unwrap();
    let path = ptsname(&window, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    (window, rustix::fs::open(path, flags, Mode::empty()).unwrap().into())
}

/// Runs the program as the leader of the terminal's session: the one whom the kernel tells that the terminal is gone.
fn on_terminal(how: &str, command: &Command, terminal: &File) -> Child {
    let inner = with_signals(how, command);
    let mut session = Command::new("setsid");
    session.arg("--ctty").arg(inner.get_program()).args(inner.get_args());
    session.env_clear().env("TERM", "xterm").env("PATH", "/usr/bin:/bin");
    for (name, value) in inner.get_envs() {
        session.env(name, value.unwrap());
    }
    let end = || Stdio::from(terminal.try_clone().unwrap());
    session.current_dir(inner.get_current_dir().unwrap());
    session.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap()
}

/// A run that waits for a lock while its window is closed.
fn in_a_window_that_is_closed(bed: &Bed, name: &str, how: &str) -> (Child, TableLock) {
    let lock = TableLock::take(Postgres::shared(), name, "accounts");
    let (window, inside) = terminal();
    let running = on_terminal(how, &bed.command(&["--database", name]), &inside);
    drop(inside);
    wait_until(|| waits_for_a_lock(Postgres::shared(), name));
    drop(window);
    (running, lock)
}

#[test]
fn a_closed_terminal_ends_a_run_with_129_and_the_next_one_starts_at_once() {
    let (bed, name) = (Bed::minio(), "window_closed");
    database(name);
    let (mut running, lock) = in_a_window_that_is_closed(&bed, name, HEARD);
    assert_eq!(running.wait().unwrap().code(), Some(129));
    assert_eq!((bed.look().data(), bed.look().manifests()), (vec![], vec![]));
    drop(lock);
    bed.dump(name);
}

#[test]
fn a_run_that_was_started_to_outlive_its_terminal_goes_on_to_its_end_without_it() {
    let (bed, name) = (Bed::minio(), "window_outlived");
    database(name);
    let (mut running, lock) = in_a_window_that_is_closed(&bed, name, IGNORED);
    send(Signal::HUP, &running);
    drop(lock);
    assert_eq!(running.wait().unwrap().code(), Some(0));
    bed.run(&["list"]).succeeds().shows(&["COMPLETE"]);
}

#[test]
fn a_hangup_after_another_signal_does_not_cut_the_clean_end_short() {
    let (mut bed, name) = (Bed::minio(), "hung_up_twice");
    database(name);
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    for first in [Signal::HUP, Signal::TERM] {
        let lock = TableLock::take(Postgres::shared(), name, "accounts");
        let mut running = with_signals(HEARD, &bed.command(&["--database", name]))
            .spawn()
            .unwrap();
        wait_until(|| waits_for_a_lock(Postgres::shared(), name));
        let before = proxy.hits();
        let hold = Action::Stall(Duration::from_secs(5));
        proxy.add(Rule::new(hold).method("PUT").path("/_pbe/started/").nth(1));
        send(first, &running);
        wait_until(|| proxy.hits() > before);
        send(Signal::HUP, &running);
        send(Signal::HUP, &running);
        let code = if first == Signal::HUP { 129 } else { 143 };
        assert_eq!(running.wait().unwrap().code(), Some(code));
        proxy.clear();
        drop(lock);
        bed.dump(name);
    }
}

#[test]
fn a_closed_terminal_ends_a_restore_and_drops_what_it_had_begun_to_fill() {
    let (mut bed, name) = (Bed::minio(), "hung_up_restore");
    let server = database(name);
    let id = bed.dump(name);
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    let filling = format!("SELECT count(*) FROM pg_database WHERE datname = 'refilled__restore_{id}'");
    // The first read is that of the preflight.
    proxy.add(
        Rule::new(Action::Stall(Duration::from_secs(600)))
            .method("GET")
            .path(".pgdump")
            .nth(2),
    );
    let arguments = [
        "restore",
        name,
        "--target-db",
        "refilled",
        "--create",
        "--confirm",
        "refilled",
    ];
    let running = with_signals(HEARD, &bed.command(&arguments)).spawn().unwrap();
    wait_until(|| server.psql("postgres", &filling) == "1");
    send(Signal::HUP, &running);
    Output::of(running.wait_with_output().unwrap()).ends_with(129);
    assert_eq!(server.psql("postgres", &filling), "0");
}

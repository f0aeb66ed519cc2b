//! Stopped half-way: nothing is half there, the token of a login is gone, and the next run starts at once.

use crate::{
    bed::{Bed, Output, golden},
    fake::{FakeVault, LOGIN_TOKEN},
};
use backup_tests::{Action, FaultProxy, Minio, Rule};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    process::Child,
    thread::sleep,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// A program that logs in as a pod does.
fn pod(vault: &FakeVault) -> Bed {
    let mut bed = Bed::on(vault);
    bed.unset("VAULT_TOKEN");
    let claim = bed.write("claim", b"signed");
    for (name, value) in [("AUTH", "kubernetes"), ("ROLE", "vault-snapshot"), ("JWT_FILE", &claim)] {
        bed.set(&format!("BACKUP_VAULT_{name}"), value);
    }
    // What stands still is not given up before the signal comes.
    bed.set("BACKUP_DEADLINE", "60s");
    bed
}

fn wait_until(ready: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ready() {
        assert!(Instant::now() < deadline, "it did not happen within a minute");
        sleep(Duration::from_millis(10));
    }
}

fn send(signal: Signal, to: &Child) {
    kill_process(Pid::from_child(to), signal).unwrap();
}

/// A run that is stopped while half of the snapshot is there.
fn stopped_at_half_a_snapshot(vault: &FakeVault, bed: &Bed, signal: Signal) -> Output {
    let held = vault.state().held;
    vault.change(|state| state.held_at = Some(1000));
    let running = bed.start(&[]);
    wait_until(|| vault.state().held > held);
    send(signal, &running);
    let ended = Output::of(running.wait_with_output().unwrap());
    vault.change(|state| state.held_at = None);
    ended
}

/// Nothing of a run is there but its marker and its lease: no file of the program, no object, no claim.
#[track_caller]
fn left_nothing_but_a_marker(bed: &Bed) {
    let known = ["backup.key", "claim", "store/_pbe/repository.json"];
    for (path, _) in bed.files() {
        let file = path.strip_prefix(bed.path("")).unwrap().display().to_string();
        let marks = file.starts_with("store/_pbe/started/") || file.starts_with("store/_pbe/lease/");
        assert!(marks || known.contains(&file.as_str()), "{file} is left over");
    }
}

#[test]
fn a_signal_while_the_snapshot_streams_in_leaves_nothing_and_revokes_the_token_of_the_login() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::QUIT, 131)] {
        let vault = FakeVault::with(golden());
        let bed = pod(&vault);
        stopped_at_half_a_snapshot(&vault, &bed, signal).ends_with(code);
        assert_eq!(vault.state().revoked, [LOGIN_TOKEN]);
        left_nothing_but_a_marker(&bed);
        // No waiting for the lease: the default patience is none.
        bed.snapshot();
        assert_eq!(vault.state().revoked, [LOGIN_TOKEN; 2]);
    }
}

#[test]
fn a_run_that_is_killed_while_the_snapshot_streams_in_leaves_nothing_but_its_marker_and_its_lease() {
    let vault = FakeVault::with(golden());
    let bed = pod(&vault);
    stopped_at_half_a_snapshot(&vault, &bed, Signal::KILL);
    left_nothing_but_a_marker(&bed);
    let listed = bed.run(&["list", "--json"]).succeeds().json();
    assert_eq!(listed["backups"], serde_json::json!([]));
    bed.run(&[]).ends_with(4);
    bed.unlock();
    let id = bed.snapshot();
    bed.run(&["list"]).succeeds().shows(&[&id, "COMPLETE"]);
    bed.run(&["verify"]).succeeds().shows(&[&id, "ok"]);
}

#[test]
fn a_signal_in_the_upload_leaves_no_object_and_revokes_the_token_of_the_login() {
    let runtime = Runtime::new().unwrap();
    for (signal, code, bucket) in [
        (Signal::TERM, 143, "vault-stopped-by-term"),
        (Signal::INT, 130, "vault-stopped-by-int"),
    ] {
        let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
        let vault = FakeVault::with(golden());
        let mut bed = pod(&vault);
        bed.store_in_minio(bucket, &proxy.endpoint());
        proxy.add(
            Rule::new(Action::Stall(Duration::from_secs(600)))
                .method("PUT")
                .path(".snap.pbe"),
        );
        let running = bed.start(&[]);
        wait_until(|| proxy.hits() > 0);
        send(signal, &running);
        Output::of(running.wait_with_output().unwrap()).ends_with(code);
        assert_eq!(vault.state().revoked, [LOGIN_TOKEN]);
        let keys = runtime.block_on(bed.keys());
        let claims = |key: &String| key.contains("snap") || key.contains("manifests");
        assert!(!keys.iter().any(claims), "{keys:?}");
        proxy.clear();
        let id = bed.snapshot();
        let keys = runtime.block_on(bed.keys());
        assert!(keys.contains(&format!("{id}.snap.pbe")), "{keys:?}");
    }
}

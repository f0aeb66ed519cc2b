//! What the programs say at the moments when an operator reads every word.

use crate::{
    bed::{Bed, Output, database},
    signals::{TableLock, send, wait_until, waits_for_a_lock},
};
use backup_tests::{Action, FaultProxy, Minio, Postgres, Rule};
use rustix::process::Signal;
use std::{process::Child, time::Duration};
use tokio::runtime::Runtime;

/// The lines that begin with `error: `.
fn errors(output: &Output) -> Vec<&str> {
    output
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect()
}

fn stopped(running: Child) -> Output {
    send(Signal::INT, &running);
    Output::of(running.wait_with_output().unwrap()).ends_with(130)
}

#[test]
fn a_dump_that_is_stopped_says_what_there_is_now() {
    let (mut bed, name) = (Bed::minio(), "stopped_words");
    let server = database(name);
    let lock = TableLock::take(server, name, "accounts");
    let running = bed.start(&["--database", name]);
    wait_until(|| waits_for_a_lock(server, name));
    assert_eq!(
        errors(&stopped(running)),
        ["error: stopped by SIGINT: nothing was stored"]
    );

    // What was begun cannot be removed.
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    let running = bed.start(&["--database", name]);
    wait_until(|| proxy.log().iter().any(|request| request.contains("globals.sql")));
    proxy.add(Rule::new(Action::Status(403)).method("PUT").path("/_pbe/started/"));
    let output = stopped(running).says(&["HINT: what was written could not be removed", "prune"]);
    assert_eq!(errors(&output), ["error: stopped by SIGINT: no backup was made"]);
    drop(lock);
}

#[test]
fn a_restore_that_is_stopped_says_what_there_is_now() {
    let (mut bed, name) = (Bed::minio(), "unrestored_words");
    let server = database(name);
    let id = bed.dump(name);
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    let swap: &[&str] = &["restore", name, "--swap", "--confirm", name];
    let create: &[&str] = &[
        "restore",
        name,
        "--create",
        "--target-db",
        "not_made",
        "--confirm",
        "not_made",
    ];
    for (arguments, filled, says) in [
        (swap, format!("{name}__restore_{id}"), "unrestored_words is as it was"),
        (create, format!("not_made__restore_{id}"), "not_made was not made"),
    ] {
        proxy.clear();
        proxy.add(
            Rule::new(Action::Stall(Duration::from_secs(600)))
                .method("GET")
                .path(".pgdump")
                .nth(2),
        );
        let running = bed.start(arguments);
        let there = format!("SELECT count(*) FROM pg_database WHERE datname = '{filled}'");
        wait_until(|| server.psql("postgres", &there) == "1");
        assert_eq!(errors(&stopped(running)), [format!("error: stopped by SIGINT: {says}")]);
    }
}

#[test]
fn a_backup_that_is_not_there_is_not_blamed_on_unknown_signers() {
    let (bed, name) = (Bed::folder(), "absent_words");
    database(name);
    let id = bed.dump(name);
    let restore = |more: &[&str]| bed.run(&[&["restore"], more].concat()).ends_with(9);
    let other = ["no_such_db", "--create", "--confirm", "no_such_db"];
    let outputs = [
        restore(&other).says(&[
            "no backup at file://",
            "holds no_such_db",
            "HINT: `backup-postgres list`",
        ]),
        restore(&[name, "--at", "20200101_000000", "--confirm", name])
            .says(&["there is no backup 20200101_000000 at file://"]),
        bed.run(&["verify", "20200101_000000"])
            .ends_with(9)
            .says(&["there is no backup 20200101_000000 at file://"]),
    ];
    bed.look().delete(&format!("_pbe/manifests/{id}.json"));
    let empty = [
        restore(&[name, "--confirm", name]).says(&["there are no backups at file://", "HINT: check --store"]),
        bed.run(&["verify"])
            .ends_with(9)
            .says(&["there are no backups at file://", "HINT: check --store"]),
    ];
    for output in outputs.iter().chain(&empty) {
        assert!(
            !output.stderr.contains("signed") && !output.stderr.contains("verify` line"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn addresses_of_stores_that_cannot_work_are_told_with_what_to_correct() {
    let mut bed = Bed::minio();
    Postgres::shared();
    bed.set("BACKUP_STORE", "s3://ab/postgres");
    bed.run(&["list"])
        .ends_with(8)
        .says(&["InvalidBucketName", "HINT: create the bucket, or correct --store"]);
    let mut bed = Bed::minio();
    bed.set(
        "AWS_ENDPOINT_URL",
        &Minio::shared().endpoint().replace("http://", "https://"),
    );
    bed.run(&["list", "--deadline", "3s"])
        .ends_with(7)
        .says(&["http or https"]);
}

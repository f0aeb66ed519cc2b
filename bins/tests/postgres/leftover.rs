//! A restore that was killed leaves a database; the next one says so, and replaces it when asked.

use crate::{
    bed::{Bed, database},
    signals::{send, wait_until},
};
use backup_tests::{Action, FaultProxy, Minio, Rule, fingerprint};
use rustix::process::Signal;
use std::time::Duration;
use tokio::runtime::Runtime;

#[test]
fn what_a_killed_restore_left_is_shown_refused_and_replaced_when_asked() {
    let (mut bed, name) = (Bed::minio(), "killed_filling");
    let server = database(name);
    let before = fingerprint(server, name);
    let id = bed.dump(name);
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    let left = format!("refilled_after__restore_{id}");
    let marked = format!(
        "SELECT count(*) FROM pg_database WHERE datname = '{left}' AND shobj_description(oid, 'pg_database') IS NOT NULL"
    );
    // The first read is that of the preflight.
    proxy.add(
        Rule::new(Action::Stall(Duration::from_secs(600)))
            .method("GET")
            .path(".pgdump")
            .nth(2),
    );
    let restore = [
        "restore",
        name,
        "--target-db",
        "refilled_after",
        "--create",
        "--confirm",
        "refilled_after",
    ];
    let mut running = bed.start(&restore);
    wait_until(|| server.psql("postgres", &marked) == "1");
    // It is made before the dump is read again.
    wait_until(|| proxy.hits() > 0);
    proxy.clear();
    let replace = [&restore[..], &["--replace-leftover"]].concat();
    bed.run(&replace)
        .ends_with(11)
        .says(&["another restore", "is at work in database"]);
    send(Signal::KILL, &running);
    running.wait().unwrap();
    let sessions = format!(
        "SELECT count(*) FROM pg_stat_activity a, pg_database d WHERE d.datname = '{left}' AND (a.datname = '{left}' \
        OR right(application_name, 16) = right(shobj_description(d.oid, 'pg_database'), 16))"
    );
    wait_until(|| server.psql("postgres", &sessions) == "0");

    bed.run(&["check", "--database", name])
        .shows(&[&left, "ended before it was complete", "--replace-leftover"]);
    bed.run(&restore)
        .ends_with(11)
        .says(&[&left, "is still there", "HINT: ", "--replace-leftover"]);
    let dry = [&replace[..], &["--dry-run"]].concat();
    bed.run(&dry).succeeds().says(&[&left, "it is dropped first"]);
    assert_eq!(server.psql("postgres", &marked), "1");
    bed.run(&replace).succeeds();
    assert_eq!(fingerprint(server, "refilled_after"), before);
    assert_eq!(server.psql("postgres", &marked), "0");
    bed.run(&["restore", name, "--replace-leftover", "--confirm", name])
        .ends_with(2);
}

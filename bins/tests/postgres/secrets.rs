//! No secret in anything that a run writes, shows, or hands to its children.

use crate::{
    bed::{Bed, Output},
    signals::{TableLock, wait_until, waits_for_a_lock},
};
use backup_tests::{Minio, Postgres};
use std::{collections::BTreeSet, fs};

const ROLE_PASSWORD: &str = "planted-role-password-4711";

/// The texts that must not appear, each with a name for the message of the test.
fn planted(bed: &Bed) -> Vec<(String, Vec<u8>)> {
    let mut planted = vec![
        ("POSTGRES_PASSWORD".to_owned(), ROLE_PASSWORD.into()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), Minio::SECRET_KEY.into()),
    ];
    for line in fs::read_to_string(bed.key_file())
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("pbe1:"))
    {
        let fields: Vec<_> = line.split(':').collect();
        let (name, digits) = (fields[1].to_owned(), fields[2].to_owned());
        let raw: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        planted.push((format!("{name}, raw"), raw));
        planted.push((name, digits.into_bytes()));
    }
    assert_eq!(planted.len(), 6, "a key that seals and one that signs");
    planted
}

#[track_caller]
fn demand_none(planted: &[(String, Vec<u8>)], place: &str, bytes: &[u8]) {
    for (name, secret) in planted {
        let found = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!found, "{name} is in {place}");
    }
}

fn secretive(name: &str) -> (Bed, &'static Postgres) {
    let (mut bed, server) = (Bed::minio(), crate::bed::database(name));
    let role = format!("keeper_of_{name}");
    server.psql(
        "postgres",
        &format!("CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{ROLE_PASSWORD}'"),
    );
    bed.set("PGUSER", &role);
    bed.set("POSTGRES_PASSWORD", ROLE_PASSWORD);
    (bed, server)
}

#[test]
fn no_secret_is_in_any_object_log_error_or_result() {
    let (mut bed, _) = secretive("tight");
    let planted = planted(&bed);
    let confirmed = ["restore", "tight", "--confirm", "tight"];
    let calls: [&[&str]; 12] = [
        &["--database", "tight"],
        &["--json", "--database", "tight"],
        &["list", "--json"],
        &["verify"],
        &confirmed,
        &["restore", "tight", "--swap", "--confirm", "tight"],
        &["prune", "--keep-last", "1"],
        &["check", "--database", "tight"],
        &["--database", "tight", "--database", "tight_gone"],
        &["restore", "tight"],
        &["--nonsense"],
        &["restore", "tight", "no/such.key", "--confirm", "tight"],
    ];
    for call in calls {
        for format in ["text", "json"] {
            let arguments = [call, &["--verbose", "--log-format", format]].concat();
            let output = bed.run(&arguments);
            demand_none(&planted, &format!("stdout of {arguments:?}"), output.stdout.as_bytes());
            demand_none(&planted, &format!("stderr of {arguments:?}"), output.stderr.as_bytes());
        }
    }
    let key_file = bed.key_file();
    for arguments in [
        &["show-config"][..],
        &["--json", "show-config"],
        &["keys", "show", key_file.to_str().unwrap()],
    ] {
        let output = bed.admin(arguments).succeeds();
        demand_none(
            &planted,
            &format!("{arguments:?}"),
            (output.stdout + &output.stderr).as_bytes(),
        );
    }
    let look = bed.look();
    let keys = look.keys();
    assert!(keys.iter().any(|key| key.starts_with("_pbe/evidence/")), "{keys:?}");
    for key in keys {
        demand_none(&planted, &key, &look.read(&key));
    }
    // What goes wrong on the way to server and store tells no secret either.
    for (name, value) in [("PGPORT", "1"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")] {
        bed.set(name, value);
        let output = bed.run(&["--verbose", "--deadline", "2s"]);
        assert_ne!(output.code, Some(0));
        demand_none(&planted, name, (output.stdout + &output.stderr).as_bytes());
    }
}

/// All processes below `pid`, and itself.
fn family(pid: u32) -> BTreeSet<u32> {
    let mut family = BTreeSet::from([pid]);
    let mut open = vec![pid];
    while let Some(parent) = open.pop() {
        let Ok(tasks) = fs::read_dir(format!("/proc/{parent}/task")) else {
            continue;
        };
        for task in tasks.flatten() {
            // A thread may end while we look.
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children = children.split_whitespace().map(|pid| pid.parse::<u32>().unwrap());
            open.extend(children.filter(|child| family.insert(*child)));
        }
    }
    family
}

#[test]
fn no_secret_is_in_arguments_of_a_run_or_in_arguments_and_environment_of_its_children() {
    let (bed, server) = secretive("watched");
    let planted = planted(&bed);
    let lock = TableLock::take(server, "watched", "accounts");
    let running = bed.start(&["--database", "watched"]);
    wait_until(|| waits_for_a_lock(server, "watched"));
    let mut dumps = 0;
    for pid in family(running.id()) {
        // A process may end while we look: then it has no arguments.
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if arguments.is_empty() {
            continue;
        }
        demand_none(&planted, "arguments", &arguments);
        // The environment of the run itself is what the operator gave it.
        if pid != running.id() {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            demand_none(&planted, "environment", &environment);
            let arguments = String::from_utf8_lossy(&arguments);
            assert!(arguments.contains("pg_dump"), "no other children: {arguments}");
            dumps += usize::from(!environment.is_empty());
        }
    }
    assert!(dumps > 0, "pg_dump runs");
    drop(lock);
    Output::of(running.wait_with_output().unwrap()).succeeds();
}

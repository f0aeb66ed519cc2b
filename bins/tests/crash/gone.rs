//! Servers and children that go away, and a disk that is full.

use super::kit::{DATABASE, Ended, Job, LARGE, Place, server, vault};
use backup_tests::{Postgres, load_big_table};
use std::{
    fs,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

/// The process ids of children of `parent` with this name.
fn children(parent: u32, name: &str) -> Vec<i32> {
    let stat = |pid: i32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|pid| {
        let stat = stat(*pid);
        let (command, rest) = stat.rsplit_once(')').unwrap_or_default();
        command.ends_with(&format!("({name}")) && rest.split_whitespace().nth(1) == Some(&parent.to_string())
    })
    .collect()
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < patience, "it never came");
        sleep(Duration::from_millis(5));
    }
}

/// A table that a dump must wait for, so that the dump is certainly under way.
fn lock(server: &Postgres, database: &str, table: &str) -> std::process::Child {
    let holder = Command::new(format!("{}/psql", Postgres::BINARIES))
        .args([
            "-X",
            "-d",
            database,
            "-c",
            &format!("BEGIN; LOCK {table}; SELECT pg_sleep(600)"),
        ])
        .envs(server.environment())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until(|| {
        let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        (server.psql(database, held) != "0").then_some(())
    });
    holder
}

#[test]
fn a_killed_pg_dump_costs_its_own_database_and_is_said() {
    let place = Place::folder(Job::postgres(server()));
    let server = server();
    server.psql("postgres", "CREATE DATABASE crash_locked TEMPLATE template0");
    server.psql("crash_locked", "CREATE TABLE held (x int)");
    let mut holder = lock(server, "crash_locked", "held");
    let program = place.start(&["dump", "--database", "crash_locked", "--database", DATABASE]);
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'crash_locked' AND query LIKE 'LOCK TABLE%' AND wait_event_type = 'Lock'";
    until(|| (server.psql("postgres", waiting) != "0").then_some(()));
    for pid in children(program.id(), "pg_dump") {
        let held = fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .unwrap_or_default()
            .contains("crash_locked");
        if held {
            rustix::process::kill_process(
                rustix::process::Pid::from_raw(pid).unwrap(),
                rustix::process::Signal::KILL,
            )
            .unwrap();
        }
    }
    let ended = Ended::of(program.wait_with_output().unwrap());
    holder.kill().unwrap();
    holder.wait().unwrap();
    ended.says(6, &["PARTIAL", "crash_locked", "signal: 9"]);
    let listed = place.listed();
    assert_eq!((listed.len(), listed[0].1.as_str()), (1, "PARTIAL"));
    assert_eq!(place.run(&["verify", &listed[0].0]).code, 0);
    place
        .run(&["restore", "crash_locked", "--confirm", "crash_locked"])
        .says(9, &[]);
    assert!(
        !place.files().iter().any(|file| file.contains("/crash_locked.")),
        "{:?}",
        place.files()
    );
}

#[test]
fn a_server_that_dies_during_a_dump_leaves_no_claim() {
    let mut server = Postgres::start();
    let place = Place::folder(Job::postgres(&server));
    load_big_table(&server, "dying", 1_000_000);
    let mut holder = lock(&server, "dying", "events");
    let program = place
        .program(&["dump", "--database", "dying", "--deadline", "5s"])
        .spawn()
        .unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LOCK TABLE%' AND wait_event_type = 'Lock'";
    until(|| (server.psql("postgres", waiting) != "0").then_some(()));
    server.kill();
    let ended = Ended::of(program.wait_with_output().unwrap());
    drop(holder.kill());
    holder.wait().unwrap();
    assert!([5, 6].contains(&ended.code), "{ended:?}");
    assert!(
        ended.stderr.contains("dying") && ended.stderr.contains("error:"),
        "{ended:?}"
    );
    let claims = place.files().iter().filter(|file| file.contains("/dying.")).count();
    assert_eq!(claims, 0, "{:?}", place.files());
    assert!(place.listed().iter().all(|(_, state)| state == "PARTIAL"));
}

/// The largest file that the program may write stands for a disk that is full.
#[test]
fn a_full_disk_costs_the_database_that_does_not_fit_and_is_said() {
    let place = Place::folder(Job::postgres(server()));
    let program = place.program(&["dump", "--database", LARGE, "--exclude", "x"]);
    let mut limited = Command::new("bash");
    limited
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 2000; exec \"$0\" \"$@\"")
        .arg(program.get_program());
    limited.args(["dump", "--database", LARGE]);
    limited.env_clear();
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            limited.env(name, value);
        }
    }
    let ended = Ended::of(limited.output().unwrap());
    assert!([6, 8].contains(&ended.code), "{ended:?}");
    assert!(
        ended.stderr.contains("HINT:") && ended.stderr.contains(LARGE),
        "{ended:?}"
    );
    assert!(place.listed().iter().all(|(_, state)| state == "PARTIAL"));
    assert!(
        !place.files().iter().any(|file| file.contains("/crash_large.")),
        "{:?}",
        place.files()
    );
}

/// Runs a program on a disk of 4 MiB of its own, in namespaces of its own; `$0` is its folder, `$1` this script. What is left there follows on stdout.
/// Where nobody may make namespaces (many containers), the largest file that the program may write stands for the disk.
const ON_A_SMALL_DISK: &str = r#"script=$1; shift
case $NAMESPACES in
    '') unshare --user --map-root-user --mount true 2>/dev/null || NAMESPACES=none
        [ -z "$NAMESPACES" ] && NAMESPACES=own exec unshare --user --map-root-user --mount sh -c "$script" "$0" "$script" "$@"
        trap '' XFSZ; ulimit -f 4096 ;;
    own) mount -t tmpfs -o size=4m tmpfs "$0" || exit 99 ;;
esac
"$@"; code=$?; find "$0" -mindepth 1
[ "$NAMESPACES" = none ] || stat -f -c '%f of %b blocks are free' "$0"
exit $code"#;

#[test]
fn a_disk_that_fills_up_while_a_snapshot_comes_in_ends_with_1_and_a_way_out() {
    let place = Place::folder(Job::vault(vault()));
    let folder = place.temporary().display().to_string();
    let program = place.program(&["snapshot"]);
    let mut limited = Command::new("bash");
    limited.args(["-c", ON_A_SMALL_DISK, &folder, ON_A_SMALL_DISK]);
    limited.arg(program.get_program()).args(program.get_args());
    limited.env_clear();
    limited.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = Ended::of(limited.output().unwrap());
    let full = ["No space left on device", "File too large"];
    assert!(full.iter().any(|full| ended.stderr.contains(full)), "{ended:?}");
    let room = format!("give {folder} more room, or name another folder with --spool-dir");
    ended.says(1, &["HINT:", &room]);
    match ended.stdout.trim_end().split_once('\n') {
        None => assert_eq!(ended.stdout, "Backing up snapshot...\n"),
        Some((said, free)) => {
            assert_eq!(said, "Backing up snapshot...");
            let (free, all) = free.split_once(" of ").unwrap();
            assert_eq!(all, format!("{free} blocks are free"));
        }
    }
    assert!(place.listed().is_empty());
    let files = place.files();
    assert!(files.iter().all(|file| file.starts_with("_pbe/")), "{files:?}");
}

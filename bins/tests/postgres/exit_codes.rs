//! How runs end that cannot do what was asked.

use crate::bed::{Bed, Output, database, platform, write_private};
use backup_tests::{Action, FaultProxy, Minio, Postgres, Rule, free_port};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

const NOTHING: Vec<String> = Vec::new();

#[test]
fn no_key_ends_with_13_and_the_two_ways_out_and_nothing_is_written() {
    let mut bed = Bed::minio();
    bed.unset("BACKUP_KEY_FILE");
    bed.run(&[]).ends_with(13).says(&["no key", "keys new", "--sse"]);
    assert_eq!(bed.look().keys(), NOTHING);
}

#[test]
fn an_unknown_flag_verb_or_value_ends_with_2() {
    let bed = Bed::folder();
    for arguments in [
        &["--nonsense"][..],
        &["frobnicate"],
        &["--memory", "much"],
        &["restore", "a", "--at", "yesterday"],
        &["restore"],
        &["--database", "x", "list"],
        &["restore", "a", "b", "--globals"],
        &["restore", "a", "--globals", "--at", "latest", "--confirm", "127.0.0.1"],
        &["restore", "a", "--globals-overwrite"],
        &["restore", "a", "--jobs", "2"],
        &["verify", "--all", "latest"],
    ] {
        let output = bed.run(arguments).ends_with(2);
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}: {output:?}"
        );
    }
}

#[test]
fn a_server_that_is_down_ends_with_5_and_no_backup() {
    let mut bed = Bed::minio();
    bed.set("PGPORT", &free_port().to_string());
    bed.run(&["--deadline", "5s"])
        .ends_with(5)
        .says(&["cannot be reached", "HINT: check host and port"]);
    assert_eq!(bed.look().keys(), NOTHING);
    bed.set("PGHOST", "no-such-host.invalid");
    bed.run(&["--deadline", "5s"]).ends_with(5);
}

#[test]
fn a_server_that_takes_connections_and_says_nothing_ends_with_5_when_the_deadline_is_over() {
    let mut bed = Bed::folder();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    bed.set("PGPORT", &silent.local_addr().unwrap().port().to_string());
    for arguments in [
        &["--deadline", "5s"][..],
        &[
            "restore",
            "--globals",
            "--deadline",
            "5s",
            "--confirm",
            "127.0.0.1",
            "roles.sql",
        ],
    ] {
        std::fs::write(bed.path("roles.sql"), "-- PostgreSQL database cluster dump complete\n").unwrap();
        bed.run(arguments)
            .ends_with(5)
            .says(&["did not answer within 5 seconds", "HINT: check host and port"]);
    }
}

#[test]
fn failures_that_are_all_the_stores_end_with_8_and_with_one_of_the_server_among_them_with_6() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    let (mut bed, _) = (Bed::minio(), database("store_fails"));
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    let arguments = [
        "--deadline",
        "5s",
        "--database",
        "store_fails",
        "--database",
        "no_such_one",
    ];
    // The first path is that of all objects: then nothing is stored, and there is no backup.
    for (path, partial) in [(".pbe", false), ("store_fails.pgdump", true)] {
        proxy.clear();
        for method in ["POST", "PUT"] {
            proxy.add(Rule::new(Action::Status(403)).method(method).path(path));
        }
        let output = bed.run(&arguments[..4]).ends_with(8).says(&["HINT: "]);
        assert_eq!(output.stderr.contains("PARTIAL"), partial, "{output:?}");
    }
    bed.run(&arguments).ends_with(6).says(&["PARTIAL", "no_such_one"]);
}

#[test]
fn a_wrong_password_ends_with_6_and_does_not_repeat_it() {
    let mut bed = Bed::minio();
    platform();
    bed.set("POSTGRES_PASSWORD", "wrong-password-47");
    let output = bed
        .run(&[])
        .ends_with(6)
        .says(&["refused this role", "POSTGRES_PASSWORD"]);
    assert!(!output.stderr.contains("wrong-password-47"));
    assert_eq!(bed.look().keys(), NOTHING);
    bed.unset("POSTGRES_PASSWORD");
    bed.run(&[])
        .ends_with(6)
        .says(&["none is given", "POSTGRES_PASSWORD_FILE"]);
}

#[test]
fn a_store_that_is_down_ends_with_7() {
    let mut bed = Bed::minio();
    platform();
    bed.set("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", free_port()));
    for arguments in [
        &["--deadline", "5s"][..],
        &["list", "--deadline", "5s"],
        &["verify", "--deadline", "5s"],
    ] {
        bed.run(arguments).ends_with(7).says(&["HINT: "]);
    }
}

#[test]
fn bad_credentials_and_a_missing_bucket_end_with_8_and_say_which_it_is() {
    platform();
    let endpoint = Minio::shared().endpoint();
    let missing = Bed::s3(
        "s3://no-such-bucket/postgres",
        &endpoint,
        (Minio::ACCESS_KEY, Minio::SECRET_KEY),
    );
    for arguments in [&[][..], &["list"]] {
        missing.run(arguments).ends_with(8).says(&["no-such-bucket", "HINT: "]);
    }
    let mut bed = Bed::minio();
    bed.set("AWS_SECRET_ACCESS_KEY", "not-the-secret-47");
    for arguments in [&[][..], &["list"], &["restore", "x", "--confirm", "x"]] {
        let output = bed.run(arguments).ends_with(8).says(&["HINT: "]);
        assert!(!output.stderr.contains("not-the-secret-47"), "{}", output.stderr);
    }
}

#[test]
fn an_empty_list_of_databases_ends_with_3() {
    let mut bed = Bed::folder();
    bed.set("BACKUP_DATABASES", "");
    bed.run(&[])
        .ends_with(3)
        .says(&["BACKUP_DATABASES: the list is empty", "HINT: "]);
    bed.unset("BACKUP_DATABASES");
    bed.run(&["--database", "a", "--exclude", "a"])
        .ends_with(3)
        .says(&["no database is left to back up", "--all"]);
    assert_eq!(bed.look().keys(), NOTHING);
}

#[test]
fn a_restore_that_is_not_confirmed_by_the_right_name_ends_with_11_and_touches_nothing() {
    let (bed, server) = (Bed::minio(), database("unconfirmed"));
    bed.dump("unconfirmed");
    server.psql("unconfirmed", "CREATE TABLE later (x int); DELETE FROM entries");
    for arguments in [
        &["restore", "unconfirmed"][..],
        &["restore", "unconfirmed", "--confirm", "other"],
        &["restore", "unconfirmed", "--swap", "--confirm", "yes"],
    ] {
        bed.run(arguments)
            .ends_with(11)
            .says(&["HINT: if that is what you want: --confirm unconfirmed"]);
    }
    assert_eq!(server.psql("unconfirmed", "SELECT count(*) FROM entries"), "0");
}

#[test]
fn a_key_file_that_others_may_read_ends_with_3() {
    let bed = Bed::minio();
    fs::set_permissions(bed.key_file(), fs::Permissions::from_mode(0o644)).unwrap();
    bed.run(&[]).ends_with(3).says(&["mode 0644", "HINT: chmod 600"]);
    assert_eq!(bed.look().keys(), NOTHING);
}

/// Root reads everything, so another user runs a copy of the program.
fn as_nobody(bed: &Bed, arguments: &[&str]) -> Output {
    let (folder, copy) = (bed.path("."), bed.path("backup-postgres"));
    backup_tests::copy_program(env!("CARGO_BIN_EXE_backup-postgres"), &copy);
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", &copy])
        .args(arguments);
    Output::of(
        command
            .env_clear()
            .envs(bed.variables.iter().cloned())
            .output()
            .unwrap(),
    )
}

#[test]
fn a_configuration_or_key_that_the_user_may_not_read_ends_with_3_and_is_not_ignored() {
    let mut bed = Bed::minio();
    let config = bed.path("config.toml");
    write_private(Path::new(&config), "jobs = 2\n");
    as_nobody(&bed, &["list"])
        .ends_with(3)
        .says(&["read key file", "HINT: "]);
    bed.set("BACKUP_CONFIG", &config);
    as_nobody(&bed, &[])
        .ends_with(3)
        .says(&["read configuration file", "config.toml"]);
    bed.set("BACKUP_CONFIG", &bed.path("no-such.toml"));
    bed.run(&["list"]).ends_with(3).says(&["no-such.toml"]);
    assert_eq!(bed.look().keys(), NOTHING);
}

#[test]
fn a_live_run_locks_others_out_with_4_and_lets_readers_in() {
    let (bed, server) = (Bed::minio(), database("locked"));
    let done = bed.dump("locked");
    let lock = crate::signals::TableLock::take(server, "locked", "accounts");
    let running = bed.start(&["--database", "locked"]);
    crate::signals::wait_until(|| crate::signals::waits_for_a_lock(server, "locked"));
    bed.run(&["--database", "locked"]).ends_with(4).says(&["HINT: "]);
    bed.run(&["prune"]).ends_with(4);
    bed.run(&["list"]).succeeds().shows(&[&done]);
    bed.run(&["verify"]).succeeds();
    drop(lock);
    let output = Output::of(running.wait_with_output().unwrap()).succeeds();
    assert!(output.stdout.contains("PostgreSQL backup complete: "), "{output:?}");
}

#[test]
fn what_is_not_there_ends_with_9() {
    let (bed, _) = (Bed::minio(), database("present"));
    for arguments in [
        &["verify"][..],
        &["restore", "present", "--confirm", "present"],
        &["prune"],
    ] {
        bed.run(arguments).ends_with(9).says(&["no repository", "HINT: "]);
    }
    bed.run(&["list"]).succeeds().shows(&["no backups"]);
    let id = bed.dump("present");
    bed.run(&["restore", "absent", "--create", "--confirm", "absent"])
        .ends_with(9)
        .says(&["absent", "HINT: "]);
    bed.run(&["restore", "absent", "--at", &id, "--create", "--confirm", "absent"])
        .ends_with(9)
        .says(&[&id, "does not hold absent"]);
    bed.run(&["restore", "present", "--at", "20200101_000000", "--confirm", "present"])
        .ends_with(9);
    bed.run(&["restore", "present", "no/such/key", "--confirm", "present"])
        .ends_with(9)
        .says(&["no/such/key"]);
    bed.run(&["verify", "20200101_000000"]).ends_with(9);
    bed.run(&["restore", "present", "--target-db", "nowhere", "--confirm", "nowhere"])
        .ends_with(9)
        .says(&["the server has no database nowhere", "--create"]);
    bed.run(&["restore", "present", "--create", "--confirm", "present"])
        .ends_with(11)
        .says(&["exists already"]);
}

#[test]
fn a_role_that_may_not_read_everything_ends_with_6_and_pg_dumps_own_words() {
    let (mut bed, server) = (Bed::minio(), database("unreadable"));
    server.psql("postgres", "CREATE ROLE intern LOGIN PASSWORD 'intern-47'");
    bed.set("PGUSER", "intern");
    bed.set("POSTGRES_PASSWORD", "intern-47");
    bed.run(&["--database", "unreadable"])
        .ends_with(6)
        .says(&["permission denied"]);
    assert!(
        bed.run(&["list"])
            .succeeds()
            .stdout
            .lines()
            .all(|line| !line.contains("COMPLETE"))
    );
    assert_eq!(
        Postgres::shared().psql("unreadable", "SELECT count(*) FROM accounts"),
        "500"
    );
}

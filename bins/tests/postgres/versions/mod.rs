//! Each version of PostgreSQL, with its own client programs and with newer ones, and from old ones into the newest.

mod content;

use crate::bed::{Bed, Output};
use backup_tests::{Postgres, PostgresOptions, fingerprint, postgres_binaries};
use std::{
    process::{Command, Stdio},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

/// One server of each version, for one test after the other: they make and drop roles.
struct Servers([LazyLock<Mutex<Postgres>>; 5]);

static SERVERS: Servers = Servers([
    LazyLock::new(|| start(14)),
    LazyLock::new(|| start(15)),
    LazyLock::new(|| start(16)),
    LazyLock::new(|| start(17)),
    LazyLock::new(|| start(18)),
]);

fn start(major: u32) -> Mutex<Postgres> {
    Mutex::new(Postgres::start_version(major, &PostgresOptions::default()))
}

fn server(major: u32) -> MutexGuard<'static, Postgres> {
    let place = Postgres::VERSIONS.iter().position(|version| *version == major).unwrap();
    SERVERS.0[place].lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_server_14_comes_back_with_its_own_client_programs_and_those_of_15() {
    round_trip(&server(14), 14);
    round_trip(&server(14), 15);
}

#[test]
fn a_server_15_comes_back_with_its_own_client_programs_and_those_of_17_and_18() {
    for tools in [15, 17, 18] {
        round_trip(&server(15), tools);
    }
}

#[test]
fn a_server_16_comes_back_with_its_own_client_programs_and_those_of_17() {
    round_trip(&server(16), 16);
    round_trip(&server(16), 17);
}

#[test]
fn a_server_17_comes_back_with_its_own_client_programs() {
    round_trip(&server(17), 17);
}

#[test]
fn a_server_18_comes_back_with_its_own_client_programs() {
    round_trip(&server(18), 18);
}

#[test]
fn what_a_server_14_or_15_was_goes_into_a_server_18() {
    for old in [14, 15] {
        upgraded(&server(old), &server(18));
    }
}

#[test]
fn a_dump_of_a_newer_server_is_refused_by_an_older_one_before_anything_is_touched() {
    let (old, new) = (server(15), server(18));
    let name = "not_back";
    for server in [&old, &new] {
        server.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        server.psql(name, "CREATE TABLE t (x int)");
    }
    content::make_roles(&new, name);
    let mut bed = bed(&new, 18);
    bed.dump(name);
    bed.server(&old);
    let before = fingerprint(&old, name);
    for arguments in [
        &["--dry-run"][..],
        &["--confirm", name],
        &["--swap", "--confirm", name],
        &["--create", "--target-db", "not_back_new", "--confirm", "not_back_new"],
    ] {
        bed.run(&[&["restore", name, "--allow-other-server"], arguments].concat())
            .ends_with(11)
            .says(&["was made from a server 18, and this server is older: 15.", "HINT: "]);
    }
    for arguments in [&["--dry-run"][..], &["--confirm", "127.0.0.1"]] {
        bed.run(&[&["restore", "--globals", "--allow-other-server"], arguments].concat())
            .ends_with(11)
            .says(&[
                "dumped from a server 16 or newer, and this server is older: 15.",
                "HINT: ",
            ]);
    }
    assert_eq!(fingerprint(&old, name), before);
    assert_eq!(
        old.psql(
            "postgres",
            "SELECT count(*) FROM pg_database WHERE datname LIKE 'not_back_%'"
        ),
        "0"
    );
}

fn bed(server: &Postgres, tools: u32) -> Bed {
    let mut bed = Bed::folder();
    bed.server(server);
    bed.set("BACKUP_PG_BIN", postgres_binaries(tools).to_str().unwrap());
    bed
}

/// Check, dump, verify, and all ways of restoring.
fn round_trip(server: &Postgres, tools: u32) {
    let name = &format!("trip_with_{tools}")[..];
    let role = &format!("{name}_reader")[..];
    content::make(server, name, role);
    let before = text(server, name, &["--create"]);
    let bed = bed(server, tools);
    checked_and_dumped(&bed, server, name, tools);
    restored_in_place(&bed, server, name, &before);
    created(&bed, server, name, &before);
    swapped(&bed, server, name, &before);
    roles(&bed, server, name, role, &before);
}

fn checked_and_dumped(bed: &Bed, server: &Postgres, name: &str, tools: u32) {
    let newer = format!(
        "client programs are of version {tools}, newer than the server's {}",
        server.major()
    );
    let check = bed.run(&["check", "--database", name]);
    let id = bed.dump(name);
    let manifest = std::fs::read_to_string(bed.path(&format!("store/_pbe/manifests/{id}.json"))).unwrap();
    for said in [&check.stdout, &manifest] {
        assert_eq!(said.contains(&newer), tools > server.major(), "{said}");
    }
    check.shows(&["kernel may read all of it"]);
    bed.run(&["verify"]).succeeds();
}

fn restored_in_place(bed: &Bed, server: &Postgres, name: &str, before: &str) {
    server.psql(
        name,
        "DELETE FROM odd.\"Entries of ü\"; DROP MATERIALIZED VIEW sums; CREATE INDEX later ON accounts (note); DROP TABLE log;
         SELECT lo_unlink(oid) FROM pg_largeobject_metadata",
    );
    bed.run(&["restore", name, "--dry-run"]).succeeds();
    let restored = bed.run(&["restore", name, "--confirm", name]).succeeds();
    same(&text(server, name, &["--create"]), before);
    restored.shows(&["schema version: 7 in the backup, 7 now"]);
}

fn created(bed: &Bed, server: &Postgres, name: &str, before: &str) {
    server.psql("postgres", &format!("DROP DATABASE {name}"));
    bed.run(&["restore", name, "--create", "--confirm", name]).succeeds();
    same(&text(server, name, &["--create"]), before);
}

fn swapped(bed: &Bed, server: &Postgres, name: &str, before: &str) {
    server.psql(
        name,
        "DELETE FROM odd.\"Entries of ü\"; CREATE TABLE only_in_the_old_one (x int)",
    );
    bed.run(&["restore", name, "--swap", "--confirm", name]).succeeds();
    same(&text(server, name, &["--create"]), before);
    let kept = server.psql(
        "postgres",
        &format!("SELECT datname FROM pg_database WHERE datname LIKE '{name}\\_\\_before%'"),
    );
    server.psql("postgres", &format!("DROP DATABASE \"{kept}\""));
}

/// The database and its roles are gone, and come back.
fn roles(bed: &Bed, server: &Postgres, name: &str, role: &str, before: &str) {
    let known = memberships(server, role);
    server.psql("postgres", &format!("DROP DATABASE {name}"));
    if server.major() >= 15 {
        server.psql("postgres", &format!("REVOKE SET ON PARAMETER work_mem FROM {role}"));
    }
    server.psql(
        "postgres",
        &format!("DROP ROLE {role}; DROP ROLE {role}_lead; DROP ROLE {role}_team"),
    );
    bed.run(&["restore", name, "--create", "--dry-run"])
        .ends_with(11)
        .says(&[role, "restore --globals"]);
    bed.run(&["restore", "--globals", "--confirm", "127.0.0.1"]).succeeds();
    assert_eq!(memberships(server, role), known);
    bed.run(&["restore", name, "--create", "--confirm", name]).succeeds();
    same(&text(server, name, &["--create"]), before);
    server.psql("postgres", &format!("DROP DATABASE {name}"));
}

fn memberships(server: &Postgres, role: &str) -> String {
    server.psql(
        "postgres",
        &format!(
            "SELECT rolname, rolcanlogin, rolcreaterole, rolpassword, pg_has_role(oid, '{role}_team', 'member'),
                 (SELECT array_agg(setconfig ORDER BY setdatabase) FROM pg_db_role_setting WHERE setrole = oid AND setdatabase = 0)
             FROM pg_authid WHERE rolname LIKE '{role}%' ORDER BY 1"
        ),
    )
}

/// Dumped with the programs of the old server, restored with those of the new one.
fn upgraded(old: &Postgres, new: &Postgres) {
    let name = &format!("up_from_{}", old.major())[..];
    let role = &format!("{name}_reader")[..];
    content::make(old, name, role);
    let mut bed = bed(old, old.major());
    bed.run(&["--database", name]).succeeds();
    bed.server(new);
    bed.set("BACKUP_PG_BIN", new.binaries().to_str().unwrap());
    bed.run(&["verify"]).succeeds();
    let other = "--allow-other-server";
    bed.run(&["restore", "--globals", other, "--confirm", "127.0.0.1"])
        .succeeds();
    assert_eq!(memberships(new, role), memberships(old, role));
    let created = bed
        .run(&["restore", name, other, "--create", "--confirm", name])
        .succeeds();
    assert_eq!(
        created.stderr.contains("GRANT CREATE ON SCHEMA public"),
        old.major() < 15,
        "{created:?}"
    );
    let expected = restored_by_hand(old, new, name);
    same(&text(new, name, &[]), &expected);
    same(&data(new, name), &data(old, name));
    for way in [&["--swap"][..], &[]] {
        new.psql(
            name,
            "DELETE FROM odd.\"Entries of ü\"; CREATE INDEX later ON accounts (note)",
        );
        bed.run(&[&["restore", name, other, "--confirm", name], way].concat())
            .succeeds();
        same(&text(new, name, &[]), &expected);
    }
}

/// All that is in it, in no order.
fn data(server: &Postgres, name: &str) -> String {
    let text = text(server, name, &["--data-only"]);
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// What `pg_restore` of the new server makes of a dump by `pg_dump` of the old one.
fn restored_by_hand(old: &Postgres, new: &Postgres, name: &str) -> String {
    let by_hand = format!("{name}_by_hand");
    new.psql("postgres", &format!("CREATE DATABASE {by_hand} TEMPLATE template0"));
    let mut dump = Command::new(old.binaries().join("pg_dump"));
    let mut dump = dump
        .args(["-Fc", name])
        .envs(old.environment())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let restored = Command::new(new.binaries().join("pg_restore"))
        .args(["--exit-on-error", "--dbname", &by_hand])
        .envs(new.environment())
        .stdin(dump.stdout.take().unwrap())
        .output()
        .unwrap();
    Output::of(restored).succeeds();
    assert!(dump.wait().unwrap().success());
    text(new, &by_hand, &[])
}

/// The database as its server's own `pg_dump` writes it, without the comments and settings, which differ between versions.
fn text(server: &Postgres, name: &str, options: &[&str]) -> String {
    let dumped = Command::new(server.binaries().join("pg_dump"))
        .args(["--restrict-key=x", name])
        .args(options)
        .envs(server.environment())
        .output()
        .unwrap();
    let dumped = Output::of(dumped).succeeds().stdout;
    let own = |line: &&str| !line.is_empty() && !line.starts_with("--") && !line.starts_with("SET ");
    dumped.lines().filter(own).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn same(now: &str, before: &str) {
    let (now_lines, before_lines): (Vec<_>, Vec<_>) = (now.lines().collect(), before.lines().collect());
    let differing = |a: &[&str], b: &[&str]| {
        a.iter()
            .filter(|line| !b.contains(line))
            .take(9)
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert!(
        now == before,
        "came {:#?}\ngone {:#?}",
        differing(&now_lines, &before_lines),
        differing(&before_lines, &now_lines)
    );
}

#[test]
fn newer_client_programs_that_come_first_in_path_are_not_taken_where_the_servers_own_are_there_too() {
    let server = server(15);
    let name = "path_first";
    server.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
    server.psql(name, "CREATE TABLE t AS SELECT 1 AS x");
    let mut bed = Bed::folder();
    bed.server(&server);
    let (newest, newer) = (postgres_binaries(18), postgres_binaries(17));
    bed.set(
        "PATH",
        &format!("{}:{}:/usr/bin:/bin", newest.display(), newer.display()),
    );
    let id = bed.dump(name);
    let manifest = std::fs::read_to_string(bed.path(&format!("store/_pbe/manifests/{id}.json"))).unwrap();
    assert!(manifest.contains(r#""pg_dump_version":"15."#), "{manifest}");
    bed.run(&["verify"]).succeeds();
    server.psql(name, "DELETE FROM t");
    bed.run(&["restore", name, "--dry-run"]).succeeds();
    bed.run(&["restore", name, "--confirm", name]).succeeds();
    assert_eq!(server.psql(name, "SELECT x FROM t"), "1");
}

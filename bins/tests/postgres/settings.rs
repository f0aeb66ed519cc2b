//! Settings that reach the server and the client programs, or are refused.

use crate::bed::{Bed, Output, database};
use std::{io::Read, process::Stdio};

#[test]
fn a_reader_that_goes_away_ends_list_quietly_and_cat_not_with_0() {
    let (bed, _) = (Bed::folder(), database("piped"));
    let id = bed.dump("piped");
    let key = format!("{id}/piped.pgdump.zst.pbe");
    for arguments in [&["list"][..], &["--help"], &["check", "--help"], &["list", "--json"]] {
        let mut running = bed.command(arguments);
        let mut running = running.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(running.stdout.take());
        let mut said = String::new();
        running.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(
            (running.wait().unwrap().code(), &said[..]),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
    let mut cat = bed.admin_command(&["cat", &key]);
    let mut cat = cat.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(cat.stdout.take());
    Output::of(cat.wait_with_output().unwrap())
        .ends_with(1)
        .says(&["write to stdout"]);
}

#[test]
fn client_programs_come_from_the_named_folder_alone() {
    let (mut bed, _) = (Bed::folder(), database("tooled"));
    bed.set("BACKUP_PG_BIN", "/usr/lib/postgresql/15/bin");
    bed.set("PATH", "/nonexistent");
    bed.dump("tooled");
    bed.run(&["--database", "tooled", "--pg-bin", "/nonexistent"])
        .ends_with(3)
        .says(&[
            "no pg_dump, pg_dumpall, pg_restore were found in /nonexistent",
            "HINT: ",
        ]);
}

#[test]
fn a_role_that_may_not_connect_to_postgres_names_another_maintenance_database() {
    let server = backup_tests::Postgres::start();
    let mut bed = Bed::folder();
    bed.server(&server);
    server.psql("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'keeper-50' IN ROLE pg_read_all_data; CREATE DATABASE own OWNER keeper; REVOKE CONNECT ON DATABASE postgres FROM PUBLIC");
    server.psql("own", "CREATE TABLE t (x int)");
    bed.set("PGUSER", "keeper");
    bed.set("POSTGRES_PASSWORD", "keeper-50");
    bed.run(&["--database", "own"])
        .ends_with(6)
        .says(&["permission denied for database"]);
    bed.set("BACKUP_MAINTENANCE_DB", "own");
    bed.run(&["--database", "own"]).succeeds();
    bed.run(&["restore", "own", "--swap", "--dry-run"]).succeeds();
}

#[test]
fn variables_of_libpq_that_are_not_followed_are_refused_by_every_verb_that_talks_to_the_server() {
    let mut bed = Bed::folder();
    bed.set("PGGSSENCMODE", "require");
    for arguments in [&[][..], &["check"], &["verify"], &["restore", "x", "--confirm", "x"]] {
        bed.run(arguments).ends_with(3).says(&["PGGSSENCMODE", "HINT: "]);
    }
    bed.set("PGGSSENCMODE", "prefer");
    bed.run(&["verify"]).ends_with(9);
    bed.set("PGSSLMINPROTOCOLVERSION", "TLSv1.3");
    bed.run(&[]).ends_with(3).says(&["PGSSLMINPROTOCOLVERSION"]);
}

#[test]
fn check_shows_the_free_disk_of_a_folder_and_counts_its_findings() {
    let (bed, _) = (Bed::folder(), database("roomy"));
    let check = ["check", "--database", "roomy"];
    bed.run(&check)
        .ends_with(12)
        .shows(&["disk /", " free\n", "kernel may read all of it"])
        .says(&["1 finding needs attention"]);
    bed.dump("roomy");
    bed.run(&check).ends_with(12).shows(&[" free; the last backup took "]);
}

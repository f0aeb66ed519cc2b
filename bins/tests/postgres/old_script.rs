//! What `backup-postgres.sh` stored is restored too.

use crate::bed::{Bed, platform};
use backup_tests::{Postgres, fingerprint};
use std::{fs, process::Command};

const DOMAIN: &str = "platform_domain";

/// As the old script made them.
fn old_dump(server: &Postgres, file: &str) {
    let status = Command::new("pg_dump")
        .args(["-Fc", "-Z9", "-d", DOMAIN, "-f", file])
        .envs(server.environment())
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_dump_file_of_the_old_script_restores() {
    let (bed, server) = (Bed::folder(), platform());
    let file = bed.path("domain.pgdump");
    old_dump(server, &file);
    bed.run(&[
        "restore",
        DOMAIN,
        &file,
        "--target-db",
        "old_file",
        "--create",
        "--confirm",
        "old_file",
    ])
    .succeeds()
    .says(&["it has no manifest"])
    .shows(&["Restore complete. Run goose migrations to verify schema:"]);
    assert_eq!(fingerprint(server, "old_file"), fingerprint(server, DOMAIN));
}

#[test]
fn a_dump_of_the_old_script_restores_by_its_key_in_the_store() {
    let (bed, server) = (Bed::minio(), platform());
    let file = bed.path("domain.pgdump");
    old_dump(server, &file);
    let key = "20240101_030000/platform_domain.pgdump";
    bed.look().write(key, fs::read(&file).unwrap());
    for (from, target) in [
        (key.to_owned(), "old_key"),
        (format!("{}/{key}", bed.store), "old_address"),
    ] {
        bed.run(&[
            "restore",
            DOMAIN,
            &from,
            "--target-db",
            target,
            "--create",
            "--confirm",
            target,
        ])
        .succeeds()
        .says(&["it has no manifest"]);
        assert_eq!(fingerprint(server, target), fingerprint(server, DOMAIN));
    }
    assert_eq!(bed.look().keys(), [key], "a restore writes nothing");
}

#[test]
fn a_cut_dump_of_the_old_script_leaves_the_database_as_it_was() {
    let (bed, server) = (Bed::folder(), platform());
    let file = bed.path("domain.pgdump");
    old_dump(server, &file);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 1000]).unwrap();
    server.psql("postgres", "CREATE DATABASE old_cut");
    server.psql("old_cut", "CREATE TABLE mine (x int); INSERT INTO mine VALUES (1)");
    let before = fingerprint(server, "old_cut");
    bed.run(&[
        "restore",
        DOMAIN,
        &file,
        "--target-db",
        "old_cut",
        "--confirm",
        "old_cut",
    ])
    .ends_with(10);
    assert_eq!(fingerprint(server, "old_cut"), before);
}

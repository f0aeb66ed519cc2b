//! In the place of `backup-postgres.sh`: the script's environment, and a key or `--sse`.

use crate::bed::{Bed, platform, write_private};
use backup_core::store::ServerEncryption;
use backup_tests::{Minio, Postgres, SeededData, fingerprint};
use std::{fs, process::Command};

/// What the script had, and nothing else: its variable, the address of its server, and those of the `aws` command.
fn of_the_script() -> Bed {
    let server = platform();
    let mut bed = Bed::minio();
    let aws: Vec<_> = bed
        .variables
        .iter()
        .filter(|(name, _)| name.starts_with("AWS_"))
        .cloned()
        .collect();
    bed.variables = aws;
    bed.set("PATH", "/usr/local/bin:/usr/bin:/bin");
    bed.set("POSTGRES_PASSWORD", Postgres::PASSWORD);
    // The script's own are `postgres` and 5432.
    bed.set("PGHOST", "127.0.0.1");
    bed.set("PGPORT", &server.port().to_string());
    bed.store = "s3://platform-backups/postgres".to_owned();
    Minio::shared().create_bucket("platform-backups");
    bed
}

#[test]
fn the_environment_of_the_script_and_a_key_are_enough_and_keys_are_the_documented_ones() {
    let mut bed = of_the_script();
    bed.unset("POSTGRES_PASSWORD");
    write_private(bed.path("password").as_ref(), &format!("{}\n", Postgres::PASSWORD));
    bed.set("POSTGRES_PASSWORD_FILE", &bed.path("password"));
    let key_file = bed.key_file();
    let output = bed.run(&["--key-file", key_file.to_str().unwrap()]).succeeds();
    let last = output.stdout.lines().last().unwrap();
    let start = "PostgreSQL backup complete: s3://platform-backups/postgres/";
    let id = last.strip_prefix(start).unwrap_or_else(|| panic!("{last}")).to_owned();
    let keys = bed.look().data();
    for database in SeededData::DATABASES {
        assert!(keys.contains(&format!("{id}/{database}.pgdump.zst.pbe")), "{keys:?}");
    }
}

#[test]
fn with_sse_kms_the_keys_are_the_scripts_own_and_pg_restore_reads_them_as_they_are() {
    let server = platform();
    let bed = Bed::minio();
    let output = bed.run(&["--sse", "aws:kms"]).succeeds();
    let id = output
        .stdout
        .lines()
        .last()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let look = bed.look();
    let mut expected: Vec<_> = SeededData::DATABASES
        .iter()
        .map(|name| format!("{id}/{name}.pgdump"))
        .collect();
    expected.push(format!("{id}/globals.sql"));
    expected.sort();
    assert_eq!(look.data(), expected);
    for key in look.keys() {
        let encryption = look.head(&key).unwrap().encryption;
        assert!(
            matches!(encryption, Some(ServerEncryption::Kms(_))),
            "{key}: {encryption:?}"
        );
    }
    bed.run(&["verify"]).succeeds();

    let file = bed.path("money.pgdump");
    fs::write(&file, look.read(&format!("{id}/platform_money.pgdump"))).unwrap();
    server.psql("postgres", "CREATE DATABASE by_pg_restore");
    let mut restore = Command::new("pg_restore");
    restore
        .args(["--exit-on-error", "-d", "by_pg_restore", &file])
        .envs(server.environment());
    assert!(restore.status().unwrap().success());
    assert_eq!(
        fingerprint(server, "by_pg_restore"),
        fingerprint(server, "platform_money")
    );
}

#[test]
fn sse_alone_needs_no_key_and_its_backup_restores_without_one() {
    let server = platform();
    let mut bed = Bed::minio();
    bed.unset("BACKUP_KEY_FILE");
    bed.run(&["--sse", "AES256"]).succeeds();
    let look = bed.look();
    for key in look.keys() {
        assert_eq!(look.head(&key).unwrap().encryption, Some(ServerEncryption::S3), "{key}");
    }
    bed.run(&["list"]).succeeds().shows(&["sse-s3", "COMPLETE"]);
    bed.run(&["verify", "--sse", "AES256"]).succeeds();
    let target = "sse_restored";
    bed.run(&[
        "restore",
        "platform_files",
        "--target-db",
        target,
        "--create",
        "--confirm",
        target,
    ])
    .succeeds();
    assert_eq!(fingerprint(server, target), fingerprint(server, "platform_files"));
}

#[test]
fn a_named_kms_key_that_the_store_does_not_have_ends_with_8_and_leaves_nothing() {
    let bed = Bed::minio();
    bed.run(&["--sse", "aws:kms:no-such-key"]).ends_with(8);
    assert_eq!(bed.look().keys(), Vec::<String>::new());
}

#[test]
fn a_store_that_ignores_sse_is_refused_with_11_and_nothing_is_left_behind() {
    platform();
    let bed = Bed::weed();
    for sse in ["aws:kms", "AES256"] {
        bed.run(&["--sse", sse]).ends_with(11).says(&["confirm", "HINT: "]);
        assert_eq!(bed.look().keys(), Vec::<String>::new());
    }
}

#[test]
fn sse_on_a_folder_is_refused_before_anything_is_done() {
    let bed = Bed::folder();
    let output = bed.run(&["--sse", "AES256"]);
    assert!(matches!(output.code, Some(3 | 11)), "{output:?}");
    assert_eq!(bed.look().keys(), Vec::<String>::new());
}

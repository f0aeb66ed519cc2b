//! Who can read what: without a key, with the recovery key alone, after a rotation.

use crate::bed::{Bed, database, write_private};
use std::{fs, path::Path};

#[test]
fn list_and_verify_of_what_is_stored_need_no_key_and_say_that_nobody_vouches() {
    let (mut bed, _) = (Bed::minio(), database("keyless"));
    let id = bed.dump("keyless");
    bed.unset("BACKUP_KEY_FILE");
    bed.run(&["list"])
        .succeeds()
        .shows(&[&id, "COMPLETE", "unauthenticated"]);
    bed.run(&["verify", "--depth", "objects", "--no-evidence"])
        .succeeds()
        .shows(&[&id, "ok, unauthenticated"]);
    bed.look().flip(&format!("{id}/keyless.pgdump.zst.pbe"));
    bed.run(&["verify", "--depth", "objects", "--no-evidence"])
        .ends_with(10)
        .shows(&["keyless.pgdump.zst.pbe"]);
}

#[test]
fn what_needs_a_key_ends_with_13_without_one() {
    let (mut bed, server) = (Bed::minio(), database("no_key"));
    let id = bed.dump("no_key");
    bed.unset("BACKUP_KEY_FILE");
    server.psql("no_key", "DELETE FROM entries");
    bed.run(&["verify"]).ends_with(13).says(&["HINT: "]);
    for at in [&["--at", id.as_str()][..], &[]] {
        let arguments = [&["restore", "no_key", "--confirm", "no_key"][..], at].concat();
        bed.run(&arguments).ends_with(13).says(&["HINT: "]);
        let allowed = [&arguments[..], &["--allow-unauthenticated-origin"]].concat();
        bed.run(&allowed).ends_with(13).says(&["HINT: "]);
    }
    assert_eq!(server.psql("no_key", "SELECT count(*) FROM entries"), "0");
}

#[test]
fn a_wrong_key_ends_with_13_and_is_not_called_damage() {
    let (mut bed, server) = (Bed::minio(), database("wrong_key"));
    let id = bed.dump("wrong_key");
    let other = bed.new_key("other.key");
    bed.set("BACKUP_KEY_FILE", &other);
    server.psql("wrong_key", "DELETE FROM entries");
    for arguments in [
        &["verify"][..],
        &["verify", &id],
        &["restore", "wrong_key", "--confirm", "wrong_key"],
        &["restore", "wrong_key", "--at", &id, "--confirm", "wrong_key"],
        &[
            "restore",
            "wrong_key",
            "--at",
            &id,
            "--confirm",
            "wrong_key",
            "--allow-unauthenticated-origin",
        ],
    ] {
        let output = bed.run(arguments).ends_with(13).says(&["key", "HINT: "]);
        assert!(!output.stdout.contains("DAMAGED"), "{}", output.stdout);
    }
    assert_eq!(server.psql("wrong_key", "SELECT count(*) FROM entries"), "0");
    let look = bed.look();
    assert!(
        look.keys().iter().all(|key| !key.starts_with("_pbe/evidence/")),
        "what was not looked at is not judged"
    );
    bed.run(&["prune", "--keep-last", "1", "--dry-run"])
        .succeeds()
        .shows(&["it is not signed by a known key"]);
    bed.run(&["prune", "--keep-last", "1"])
        .ends_with(13)
        .says(&["repository.json", "HINT: "]);
    bed.run(&["list"]).succeeds().shows(&["unauthenticated"]);
}

#[test]
fn the_recovery_key_from_the_safe_restores_alone() {
    let (mut bed, server) = (Bed::minio(), database("recovery"));
    let file = bed.path("recovery.key");
    let public = bed.admin(&["keys", "recovery-new", "--out", &file]).succeeds().stdout;
    bed.set("BACKUP_RECOVERY_KEY", public.trim());
    bed.dump("recovery");
    server.psql("recovery", "DELETE FROM entries");

    // Everything but the safe and the store is gone. The file in the safe knows who signs.
    let key_file = bed.key_file();
    bed.unset("BACKUP_RECOVERY_KEY");
    bed.set("BACKUP_KEY_FILE", &file);
    let restore = ["restore", "recovery", "--confirm", "recovery"];
    bed.run(&restore).succeeds();
    assert_eq!(server.psql("recovery", "SELECT count(*) FROM entries"), "900");

    // One that does not know it opens, and vouches for nothing.
    let text = fs::read_to_string(&file).unwrap();
    let secret: Vec<&str> = text.lines().filter(|line| !line.starts_with("pbe1:verify:")).collect();
    fs::write(&file, secret.join("\n") + "\n").unwrap();
    server.psql("recovery", "DELETE FROM entries");
    let shown = bed
        .admin(&["--json", "keys", "show", key_file.to_str().unwrap()])
        .json();
    fs::remove_file(&key_file).unwrap();
    bed.run(&["list"]).succeeds().shows(&["unauthenticated"]);
    bed.run(&restore)
        .ends_with(13)
        .says(&["no known key vouches", "--allow-unauthenticated-origin"]);
    bed.run(&[&restore[..], &["--allow-unauthenticated-origin"]].concat())
        .succeeds();
    assert_eq!(server.psql("recovery", "SELECT count(*) FROM entries"), "900");

    // With the public half of the signing key beside it, it is authentic as well.
    let keys = shown["keys"].as_array().unwrap();
    let signer = keys.iter().find(|key| key["kind"] == "sign").unwrap();
    bed.set("BACKUP_RECOVERY_KEY", signer["public"].as_str().unwrap());
    server.psql("recovery", "DELETE FROM entries");
    bed.run(&restore).succeeds();
    assert_eq!(server.psql("recovery", "SELECT count(*) FROM entries"), "900");
    bed.run(&["verify", "--no-evidence"]).succeeds().shows(&[" ok\n"]);
}

#[test]
fn a_writer_with_public_keys_alone_cannot_read_what_it_wrote() {
    let (mut bed, server) = (Bed::minio(), database("write_only"));
    let file = bed.path("recovery.key");
    bed.unset("BACKUP_KEY_FILE");
    let public = bed.admin(&["keys", "recovery-new", "--out", &file]).succeeds().stdout;
    bed.set("BACKUP_RECOVERY_KEY", public.trim());
    let id = bed.dump("write_only");
    bed.run(&["verify", &id]).ends_with(13);
    bed.unset("BACKUP_RECOVERY_KEY");
    bed.set("BACKUP_KEY_FILE", &file);
    server.psql("write_only", "DELETE FROM entries");
    let restore = [
        "restore",
        "write_only",
        "--confirm",
        "write_only",
        "--allow-unauthenticated-origin",
    ];
    bed.run(&restore).succeeds();
    assert_eq!(server.psql("write_only", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn after_a_rotation_the_old_key_below_the_new_one_opens_old_backups() {
    let (mut bed, server) = (Bed::minio(), database("rotated"));
    let old = bed.dump("rotated");
    let (new_key, old_key) = (bed.new_key("new.key"), bed.key_file());
    let both = bed.join_keys("both.key", &[&new_key, old_key.to_str().unwrap()]);
    bed.set("BACKUP_KEY_FILE", &both);
    let new = bed.dump("rotated");
    server.psql("rotated", "DELETE FROM entries");
    for id in [&old, &new] {
        bed.run(&["verify", id]).succeeds();
        bed.run(&["restore", "rotated", "--at", id, "--confirm", "rotated"])
            .succeeds();
        assert_eq!(server.psql("rotated", "SELECT count(*) FROM entries"), "900");
    }
    // What was written since is sealed and signed by the new key alone.
    bed.set("BACKUP_KEY_FILE", &new_key);
    bed.run(&["verify", &new]).succeeds().shows(&[" ok\n"]);
    bed.run(&["verify", &old]).ends_with(13);
    bed.set("BACKUP_KEY_FILE", old_key.to_str().unwrap());
    bed.run(&["verify", &new]).ends_with(13);
}

#[test]
fn a_typo_in_a_key_ends_with_13_and_names_the_line_but_not_the_key() {
    let mut bed = Bed::folder();
    let text = fs::read_to_string(bed.key_file()).unwrap();
    let line = text.lines().find(|line| line.starts_with("pbe1:kek:")).unwrap();
    let digit = line.as_bytes()[20];
    let mut typo = line.to_owned();
    typo.replace_range(20..21, if digit == b'a' { "b" } else { "a" });
    let file = bed.path("typo.key");
    write_private(Path::new(&file), &text.replace(line, &typo));
    bed.set("BACKUP_KEY_FILE", &file);
    let output = bed.run(&[]).ends_with(13).says(&["checksum", "line "]);
    assert!(!output.stderr.contains(&typo[9..40]), "{}", output.stderr);
}

#[test]
fn reading_writes_nothing_into_the_store() {
    let (bed, server) = (Bed::minio(), database("read_only"));
    bed.dump("read_only");
    let before = bed.look().objects();
    for arguments in [
        &["list"][..],
        &["list", "--json"],
        &["verify", "--no-evidence"],
        &["restore", "read_only", "--confirm", "read_only"],
        &["restore", "read_only", "--swap", "--confirm", "read_only"],
        &["restore", "--globals", "--confirm", "127.0.0.1"],
        &["prune", "--dry-run"],
        &["--dry-run", "--database", "read_only"],
    ] {
        bed.run(arguments).succeeds();
        assert_eq!(bed.look().objects(), before, "{arguments:?}");
    }
    assert_eq!(server.psql("read_only", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn keys_that_verify_and_do_not_sign_are_found_where_the_store_encrypts() {
    let mut bed = Bed::minio();
    let shown = bed
        .admin(&["keys", "show", bed.key_file().to_str().unwrap()])
        .succeeds();
    let line = shown
        .stdout
        .split_whitespace()
        .find(|word| word.starts_with("pbe1:verify:"))
        .unwrap();
    let file = bed.path("verify.key");
    write_private(file.as_ref(), &format!("{line}\n"));
    bed.set("BACKUP_KEY_FILE", &file);
    bed.run(&["check", "--sse", "aws:kms"])
        .ends_with(12)
        .shows(&["none that signs", "add a `sign` or `kek` line"]);
}

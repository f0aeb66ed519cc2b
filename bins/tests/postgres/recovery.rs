//! The key file is lost: the recovery key restores alone, as the runbook prints it.

use crate::bed::{Bed, database};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

/// A bed whose backups are sealed for the recovery key in the returned file, which knows the writer `backup.key`.
fn prepared() -> (Bed, String) {
    let mut bed = Bed::folder();
    let (key, file) = (bed.key_file(), bed.path("recovery.key"));
    bed.unset("BACKUP_KEY_FILE");
    let new = ["keys", "recovery-new", "--for", key.to_str().unwrap(), "--out", &file];
    let made = bed.admin(&new).succeeds().says(&["knows the writers"]);
    bed.set("BACKUP_KEY_FILE", key.to_str().unwrap());
    bed.set("BACKUP_RECOVERY_KEY", made.stdout.trim());
    (bed, file)
}

#[test]
fn the_example_of_the_runbook_runs_with_the_recovery_key_alone() {
    let ((mut bed, file), server) = (prepared(), database("safe"));
    let id = bed.dump("safe");
    assert!(
        !bed.run(&["check", "--database", "safe"])
            .stdout
            .contains("knows the writer")
    );
    server.psql("safe", "DELETE FROM entries");
    fs::remove_file(bed.key_file()).unwrap();

    bed.unset("BACKUP_RECOVERY_KEY");
    bed.set("BACKUP_KEY_FILE", &file);
    bed.admin(&["keys", "check", &file])
        .succeeds()
        .shows(&["cannot seal new backups\ncan open backups\ncannot sign manifests\nknows the writers "]);
    let listed = bed.run(&["list"]).succeeds().shows(&[&id]);
    assert!(!listed.stdout.contains("unauthenticated"), "{}", listed.stdout);
    bed.run(&["restore", "safe", "--confirm", "safe"])
        .succeeds()
        .shows(&[&format!("restored safe from backup {id}")]);
    assert_eq!(server.psql("safe", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn check_finds_a_writer_that_the_recovery_file_does_not_know_and_it_can_be_added() {
    let ((mut bed, file), server) = (prepared(), database("late_writer"));
    let writer = bed.new_key("new.key");
    bed.set("BACKUP_KEY_FILE", &writer);
    let id = bed.dump("late_writer");
    let check = ["check", "--database", "late_writer"];
    bed.run(&check)
        .ends_with(12)
        .shows(&["nothing says that the recovery file", "keys recovery-trust"]);
    let with = |key: &str, arguments: &[&str]| {
        let mut command = bed.command(arguments);
        command.env("BACKUP_KEY_FILE", key).env_remove("BACKUP_RECOVERY_KEY");
        crate::bed::Output::of(command.output().unwrap())
    };
    let restore = ["restore", "late_writer", "--at", &id, "--confirm", "late_writer"];
    with(&file, &restore).ends_with(13);

    // The file is a link, as in a folder of links; it stays one.
    let link = bed.path("link.key");
    symlink(&file, &link).unwrap();
    let before = fs::read_to_string(&file).unwrap();
    let trust = ["keys", "recovery-trust", &link, "--for", &writer];
    let shown = bed.admin(&trust).succeeds().says(&["knows the writers"]).stdout;
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.starts_with(&before) && after.len() > before.len());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(!fs::exists(format!("{file}.new")).unwrap());
    bed.admin(&trust).succeeds();
    assert_eq!(fs::read_to_string(&file).unwrap(), after, "twice is once");

    server.psql("late_writer", "DELETE FROM entries");
    with(&file, &restore).succeeds();
    assert_eq!(server.psql("late_writer", "SELECT count(*) FROM entries"), "900");

    let public: Vec<_> = shown
        .split_whitespace()
        .filter(|word| word.starts_with("pbe1:"))
        .collect();
    bed.set("BACKUP_RECOVERY_KEY", &public.join(" "));
    assert!(!bed.run(&check).stdout.contains("nothing says that the recovery file"));
}

#[test]
fn a_recovery_file_that_is_being_changed_is_left_alone() {
    let (bed, file) = prepared();
    let before = fs::read(&file).unwrap();
    let beside = format!("{file}.new");
    fs::write(&beside, "# being written").unwrap();
    let key = bed.new_key("new.key");
    bed.admin(&["keys", "recovery-trust", &file, "--for", &key])
        .ends_with(11)
        .says(&["is being changed", "remove the new one"]);
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(fs::read_to_string(&beside).unwrap(), "# being written");

    fs::remove_file(&beside).unwrap();
    fs::write(&file, "pbe1:nonsense\n").unwrap();
    bed.admin(&["keys", "recovery-trust", &file, "--for", &key])
        .ends_with(13);
    assert_eq!(fs::read(&file).unwrap(), b"pbe1:nonsense\n");
    assert!(!fs::exists(&beside).unwrap());
}

#[test]
fn a_recovery_key_that_knows_no_writer_says_so() {
    let mut bed = Bed::folder();
    bed.unset("BACKUP_KEY_FILE");
    let file = bed.path("recovery.key");
    let made = bed.admin(&["keys", "recovery-new", "--out", &file]).succeeds();
    assert_eq!(made.stdout.lines().count(), 1);
    made.says(&["knows no writer", "recovery-trust"]);
    bed.admin(&["keys", "check", &file])
        .succeeds()
        .shows(&["knows no writer"]);
}

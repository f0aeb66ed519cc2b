//! A backup in which something is missing is never taken for a good one.

use crate::bed::{Bed, database};

#[test]
fn an_unknown_database_ends_with_6_and_the_others_are_stored_as_partial() {
    let (bed, _) = (Bed::minio(), database("part_a"));
    let good = bed.dump("part_a");
    let output = bed
        .run(&["--database", "part_a", "--database", "part_gone"])
        .ends_with(6);
    let output = output.says(&["PARTIAL", "part_gone", "there is no such database", "HINT: "]);
    assert!(!output.stdout.contains("complete"), "{}", output.stdout);

    let listed = bed.run(&["list"]).succeeds();
    let line = listed.stdout.lines().find(|line| line.contains("PARTIAL")).unwrap();
    assert!(line.contains("missing: part_gone"), "{line}");
    let partial = line.split_whitespace().next().unwrap().to_owned();
    assert!(partial > good);

    let verified = bed.run(&["verify", &partial]).succeeds();
    assert!(
        verified.stdout.contains("ok, but PARTIAL: without part_gone"),
        "{}",
        verified.stdout
    );
}

#[test]
fn each_database_has_a_latest_of_its_own() {
    let (bed, server) = (Bed::minio(), database("part_b"));
    database("part_dropped");
    let both = ["--json", "--database", "part_b", "--database", "part_dropped"];
    let good = bed.run(&[&["dump"], &both[..]].concat()).succeeds().id();
    server.psql("postgres", "DROP DATABASE part_dropped");
    server.psql("part_b", "DELETE FROM entries WHERE id > 500");
    let partial = bed.run(&[&["dump"], &both[..]].concat()).ends_with(6).id();
    server.psql("part_b", "DELETE FROM entries");
    bed.run(&["restore", "part_b", "--confirm", "part_b"])
        .succeeds()
        .shows(&[&format!("restored part_b from backup {partial}")]);
    assert_eq!(server.psql("part_b", "SELECT count(*) FROM entries"), "500");
    bed.run(&["restore", "part_dropped", "--create", "--confirm", "part_dropped"])
        .succeeds()
        .says(&[&partial, "could not be saved then"])
        .shows(&[&format!("restored part_dropped from backup {good}")]);
}

#[test]
fn a_partial_backup_can_be_restored_when_it_is_named() {
    let (bed, server) = (Bed::minio(), database("part_c"));
    let arguments = ["dump", "--json", "--database", "part_c", "--database", "part_gone"];
    let partial = bed.run(&arguments).ends_with(6).id();
    server.psql("part_c", "DELETE FROM entries");
    bed.run(&["restore", "part_c", "--at", &partial, "--confirm", "part_c"])
        .succeeds();
    assert_eq!(server.psql("part_c", "SELECT count(*) FROM entries"), "900");
    bed.run(&[
        "restore",
        "part_gone",
        "--at",
        &partial,
        "--create",
        "--confirm",
        "part_gone",
    ])
    .ends_with(9)
    .says(&["it failed when the backup was made"]);
    bed.run(&["restore", "part_c", "--confirm", "part_c"]).succeeds();
}

#[test]
fn prune_keeps_the_last_complete_backup_beside_partial_ones() {
    let (bed, _) = (Bed::minio(), database("part_d"));
    let good = bed.dump("part_d");
    for _ in 0..2 {
        bed.run(&["--keep-last", "1", "--database", "part_d", "--database", "part_gone"])
            .ends_with(6);
    }
    bed.run(&["prune", "--keep-last", "1"]).succeeds();
    let manifests = bed.look().manifests();
    assert!(
        manifests.contains(&format!("_pbe/manifests/{good}.json")),
        "{manifests:?}"
    );
}

#[test]
fn if_no_database_of_the_list_exists_the_run_fails_and_no_backup_counts_as_good() {
    let bed = Bed::minio();
    let output = bed.run(&["--database", "gone_1", "--database", "gone_2"]);
    let output = output.ends_with(6).says(&["gone_1", "gone_2"]);
    assert!(!output.stdout.contains("complete"), "{}", output.stdout);
    assert!(!bed.run(&["list"]).succeeds().stdout.contains("COMPLETE"));
}

//! What keep rules delete, and what nothing deletes.

use crate::bed::{Bed, database};

fn three(bed: &Bed, name: &str) -> [String; 3] {
    [(); 3].map(|()| bed.dump(name))
}

#[test]
fn keep_last_1_leaves_the_newest_and_all_of_it() {
    let (bed, server) = (Bed::minio(), database("keep_last"));
    let [_, _, newest] = three(&bed, "keep_last");
    let output = bed.run(&["prune", "--keep-last", "1"]).succeeds();
    assert_eq!(output.stdout.matches("deleted").count(), 2, "{}", output.stdout);
    let look = bed.look();
    assert_eq!(look.manifests(), [format!("_pbe/manifests/{newest}.json")]);
    assert!(
        look.keys()
            .iter()
            .all(|key| !key.starts_with("20") || key.starts_with(&newest)),
        "{:?}",
        look.keys()
    );
    server.psql("keep_last", "DELETE FROM entries");
    bed.run(&["restore", "keep_last", "--confirm", "keep_last"]).succeeds();
    assert_eq!(server.psql("keep_last", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn a_dry_run_shows_what_would_go_and_deletes_nothing() {
    let (bed, _) = (Bed::minio(), database("keep_dry"));
    three(&bed, "keep_dry");
    let before = bed.look().objects();
    let output = bed.run(&["prune", "--keep-last", "1", "--dry-run"]).succeeds();
    assert_eq!(output.stdout.matches("would go").count(), 2, "{}", output.stdout);
    assert_eq!(output.stdout.matches("stays").count(), 1, "{}", output.stdout);
    assert_eq!(bed.look().objects(), before);
}

#[test]
fn a_dry_dump_names_what_it_would_back_up_and_writes_nothing() {
    let (bed, _) = (Bed::minio(), database("dry_dump"));
    bed.run(&["--dry-run", "--database", "dry_dump"])
        .succeeds()
        .shows(&["would back up dry_dump\n", "would back up globals.sql\n"]);
    assert_eq!(bed.look().keys(), Vec::<String>::new());
}

#[test]
fn a_dump_prunes_by_the_same_rules_when_it_is_done() {
    let (bed, _) = (Bed::minio(), database("keep_dump"));
    bed.dump("keep_dump");
    let second = bed
        .run(&["dump", "--json", "--keep-last", "1", "--database", "keep_dump"])
        .succeeds()
        .id();
    assert_eq!(bed.look().manifests(), [format!("_pbe/manifests/{second}.json")]);
}

#[test]
fn keep_days_and_the_documented_30_days_keep_what_is_young() {
    let (bed, _) = (Bed::minio(), database("keep_days"));
    let ids = three(&bed, "keep_days");
    for arguments in [&["prune"][..], &["prune", "--keep-days", "1"]] {
        let output = bed.run(arguments).succeeds();
        assert!(!output.stdout.contains("deleted"), "{}", output.stdout);
    }
    assert_eq!(
        bed.look().manifests(),
        ids.map(|id| format!("_pbe/manifests/{id}.json"))
    );
}

#[test]
fn the_last_verified_backup_outlives_the_rules() {
    let (bed, _) = (Bed::minio(), database("keep_verified"));
    let [oldest, _, newest] = three(&bed, "keep_verified");
    bed.run(&["verify", &oldest]).succeeds();
    bed.run(&["prune", "--keep-last", "1"])
        .succeeds()
        .shows(&["last verified"]);
    let expected = [oldest, newest].map(|id| format!("_pbe/manifests/{id}.json"));
    assert_eq!(bed.look().manifests(), expected);
}

#[test]
fn the_rules_hold_on_seaweedfs_too() {
    let (bed, _) = (Bed::weed(), database("keep_weed"));
    let [_, _, newest] = three(&bed, "keep_weed");
    bed.run(&["prune", "--keep-last", "1"]).succeeds();
    assert_eq!(bed.look().manifests(), [format!("_pbe/manifests/{newest}.json")]);
    bed.run(&["verify"]).succeeds();
}

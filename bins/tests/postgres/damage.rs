//! Damage in the store is found, named, and never restored.

use crate::bed::{Bed, database};

const ALL_DEPTHS: [&str; 2] = ["objects", "content"];

#[test]
fn verify_of_a_damaged_object_ends_with_10_and_names_its_key() {
    let (bed, _) = (Bed::minio(), database("flipped"));
    let id = bed.dump("flipped");
    let key = format!("{id}/flipped.pgdump.zst.pbe");
    bed.look().flip(&key);
    for depth in ALL_DEPTHS {
        let output = bed.run(&["verify", "--depth", depth]).ends_with(10);
        let output = output.shows(&["DAMAGED", &format!("damaged: {key}: ")]);
        assert_eq!(output.stdout.matches("damaged: ").count(), 1, "{}", output.stdout);
    }
    bed.run(&["list"]).succeeds().shows(&["verification FAILED"]);
}

#[test]
fn restore_of_a_damaged_object_ends_with_10_leaves_the_database_and_names_the_newest_good_backup() {
    let (bed, server) = (Bed::minio(), database("spoiled"));
    let good = bed.dump("spoiled");
    let id = bed.dump("spoiled");
    bed.look().flip(&format!("{id}/spoiled.pgdump.zst.pbe"));
    server.psql("spoiled", "DELETE FROM entries");
    for way in [&[][..], &["--swap"]] {
        let arguments = [&["restore", "spoiled", "--confirm", "spoiled"], way].concat();
        bed.run(&arguments).ends_with(10).says(&[&id, &format!("--at {good}")]);
        assert_eq!(server.psql("spoiled", "SELECT count(*) FROM entries"), "0");
    }
    let create = [
        "restore",
        "spoiled",
        "--target-db",
        "spoiled_new",
        "--create",
        "--confirm",
        "spoiled_new",
    ];
    bed.run(&create).ends_with(10);
    let left = "SELECT count(*) FROM pg_database WHERE datname <> 'spoiled' AND datname LIKE '%spoiled%'";
    assert_eq!(
        server.psql("postgres", left),
        "0",
        "a fresh database of a failed restore is dropped"
    );
    bed.run(&["restore", "spoiled", "--at", &good, "--confirm", "spoiled"])
        .succeeds();
    assert_eq!(server.psql("spoiled", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn a_missing_object_is_damage_and_is_named() {
    let (bed, _) = (Bed::minio(), database("lost_object"));
    let id = bed.dump("lost_object");
    let key = format!("{id}/lost_object.pgdump.zst.pbe");
    bed.look().delete(&key);
    for depth in ALL_DEPTHS {
        bed.run(&["verify", "--depth", depth])
            .ends_with(10)
            .shows(&[&format!("damaged: {key}: ")]);
    }
    bed.run(&["restore", "lost_object", "--at", &id, "--confirm", "lost_object"])
        .ends_with(10)
        .says(&["lost_object.pgdump"]);
    bed.run(&["restore", "lost_object", "--confirm", "lost_object"])
        .ends_with(10)
        .says(&[&id, "its verification failed", "no good one is known"]);
}

#[test]
fn a_cut_object_is_damage() {
    let (bed, _) = (Bed::minio(), database("cut_object"));
    let id = bed.dump("cut_object");
    let key = format!("{id}/cut_object.pgdump.zst.pbe");
    let mut bytes = bed.look().read(&key);
    bytes.truncate(bytes.len() - 1);
    bed.look().write(&key, bytes);
    for depth in ALL_DEPTHS {
        bed.run(&["verify", "--depth", depth])
            .ends_with(10)
            .shows(&[&format!("damaged: {key}: ")]);
    }
}

#[test]
fn a_damaged_manifest_is_shown_named_and_never_taken_for_the_latest() {
    let (bed, _) = (Bed::minio(), database("bad_manifest"));
    let good = bed.dump("bad_manifest");
    let id = bed.dump("bad_manifest");
    bed.look().flip(&format!("_pbe/manifests/{id}.json"));
    let listed = bed.run(&["list"]).succeeds();
    let line = listed.stdout.lines().find(|line| line.starts_with(&id)).unwrap();
    assert!(line.contains("DAMAGED"), "{line}");
    bed.run(&["verify", &id]).ends_with(10).shows(&["DAMAGED", "manifest"]);
    bed.run(&["verify", "--all"]).ends_with(10).shows(&[&good, "ok"]);
    bed.run(&["restore", "bad_manifest", "--at", &id, "--confirm", "bad_manifest"])
        .ends_with(10);
    for verb in [
        &["restore", "bad_manifest", "--confirm", "bad_manifest"][..],
        &["verify"],
    ] {
        bed.run(verb)
            .ends_with(10)
            .says(&[&id, &format!("the newest good one before is {good}")]);
    }
    bed.run(&["restore", "bad_manifest", "--at", &good, "--confirm", "bad_manifest"])
        .succeeds();
    bed.run(&["prune", "--keep-last", "1"])
        .succeeds()
        .shows(&["its manifest is damaged"]);
    assert!(bed.look().data().contains(&format!("{id}/bad_manifest.pgdump.zst.pbe")));
}

#[test]
fn objects_of_two_databases_that_changed_places_do_not_open() {
    let (bed, server) = (Bed::minio(), database("place_a"));
    database("place_b");
    let id = bed
        .run(&["dump", "--json", "--database", "place_a", "--database", "place_b"])
        .succeeds()
        .id();
    let look = bed.look();
    let keys = ["place_a", "place_b"].map(|name| format!("{id}/{name}.pgdump.zst.pbe"));
    let [a, b] = [look.read(&keys[0]), look.read(&keys[1])];
    look.write(&keys[0], b);
    look.write(&keys[1], a);
    bed.run(&["verify"]).ends_with(10).shows(&[&keys[0], &keys[1]]);
    server.psql("place_a", "DELETE FROM entries");
    bed.run(&["restore", "place_a", "--confirm", "place_a"]).ends_with(10);
    assert_eq!(server.psql("place_a", "SELECT count(*) FROM entries"), "0");
}

#[test]
fn a_forged_manifest_is_set_aside_by_name_and_nothing_that_it_names_is_touched() {
    let (bed, _) = (Bed::minio(), database("set_aside"));
    let good = bed.dump("set_aside");
    let (look, forged) = (bed.look(), "20400101_000000");
    look.write(&format!("_pbe/manifests/{forged}.json"), b"forged".to_vec());
    let data = look.data();
    bed.run(&["restore", "set_aside", "--confirm", "set_aside"])
        .ends_with(10)
        .says(&[forged, &good]);
    bed.run(&["verify", "--all"]).ends_with(10);
    let aside = ["prune", "--forget-unsigned", forged];
    bed.run(&aside).ends_with(11).says(&[&format!("--confirm {forged}")]);
    bed.run(&[&aside[..], &["--dry-run"]].concat()).succeeds();
    bed.run(&["prune", "--forget-unsigned", &good, "--confirm", &good])
        .ends_with(11)
        .says(&["vouched for by a known key"]);
    bed.run(&[&aside[..], &["--confirm", forged]].concat()).succeeds();
    assert_eq!(look.data(), data);
    bed.run(&["verify", "--all"]).succeeds();
    bed.run(&["restore", "set_aside", "--confirm", "set_aside"]).succeeds();
    bed.run(&["prune", "--forget", &good, "--confirm", &good]).succeeds();
    bed.run(&["restore", "set_aside", "--confirm", "set_aside"])
        .ends_with(9);
}

//! Verbs that only read leave the store as it was, byte for byte.

use crate::{
    bed::{Bed, golden},
    fake::{CLUSTER, FakeVault},
};
use std::path::PathBuf;

/// Every file of the store, with its content.
fn store(bed: &Bed) -> Vec<(PathBuf, Vec<u8>)> {
    let (root, mut files) = (bed.path("store"), bed.files());
    files.retain(|(path, _)| path.starts_with(&root));
    files
}

/// Two backups, and one that the old script left.
fn filled() -> (FakeVault, Bed, String) {
    let vault = FakeVault::with(golden());
    let bed = Bed::on(&vault);
    bed.write("store/20240101_030000.snap", &golden());
    bed.snapshot();
    let id = bed.snapshot();
    (vault, bed, id)
}

#[test]
fn to_list_inspect_verify_without_evidence_and_restore_changes_nothing_in_the_store() {
    let (vault, bed, id) = filled();
    let before = store(&bed);
    assert!(
        before.len() > 3,
        "two backups, their manifests, and what the script left"
    );
    for arguments in [
        &["list"][..],
        &["inspect", &id],
        &["verify", "--no-evidence"],
        &["verify", "--all", "--no-evidence"],
        &["restore", "--dry-run"],
        &["restore", "--confirm", CLUSTER],
    ] {
        bed.run(arguments).succeeds();
        assert_eq!(store(&bed), before, "{arguments:?}");
    }
    assert_eq!(vault.state().restored, Some(golden()));
}

#[test]
fn verify_adds_evidence_to_the_store_and_changes_nothing_else_there() {
    let (_vault, bed, id) = filled();
    let before = store(&bed);
    bed.run(&["verify"]).succeeds().shows(&[&id, "ok"]);
    let (evidence, rest): (Vec<_>, Vec<_>) = store(&bed).into_iter().partition(|file| !before.contains(file));
    assert_eq!(rest, before);
    let folder = PathBuf::from(bed.path("store/_pbe/evidence"));
    assert!(!evidence.is_empty(), "what was verified is remembered");
    for (path, _) in evidence {
        assert!(path.starts_with(&folder), "{}", path.display());
    }
}

#[test]
fn the_other_program_on_the_same_store_judges_nothing_of_ours() {
    let (_vault, bed, id) = filled();
    let before = store(&bed);
    let other = ["--store", &format!("file://{}", bed.path("store"))];
    let run = |arguments: &[&str]| bed.postgres(&[arguments, &other].concat());
    run(&["verify", "--all"]).ends_with(9).says(&["no backup to verify"]);
    run(&["verify", &id])
        .ends_with(11)
        .says(&["a backup of vault.raft", "the program that made it"]);
    assert_eq!(store(&bed), before);
    bed.run(&["verify", "--all"]).succeeds();
}

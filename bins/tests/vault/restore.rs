//! `restore` replaces everything in a Vault: only what is meant, and only by what is proven.

use crate::{
    bed::{Bed, golden},
    fake::{CLUSTER, FakeVault},
};

fn healthy() -> (FakeVault, Bed) {
    let vault = FakeVault::with(golden());
    let bed = Bed::on(&vault);
    (vault, bed)
}

#[test]
fn without_the_name_of_the_cluster_it_is_refused_with_11_and_the_name_is_said() {
    let (vault, bed) = healthy();
    bed.snapshot();
    for arguments in [
        &["restore", "--force"][..],
        &["restore", "--force", "--confirm", "other"],
    ] {
        bed.run(arguments)
            .ends_with(11)
            .says(&[CLUSTER, &format!("--confirm {CLUSTER}")]);
    }
    assert!(vault.state().restored.is_none());
}

#[test]
fn the_latest_is_restored_byte_for_byte_and_the_original_keys_are_asked_for() {
    let (vault, bed) = healthy();
    let id = bed.snapshot();
    let before = bed.files();
    bed.run(&["restore", "--force", "--confirm", CLUSTER])
        .succeeds()
        .shows(&[
            &format!("from backup {id}: 202 keys, raft index 205"),
            "SEALED: unseal it with the ORIGINAL keys, 3 of 5 (shamir)",
            "switch",
            "Next steps:",
            "revoke the tokens",
            "leases",
        ]);
    assert_eq!(vault.state().restored, Some(golden()));
    assert_eq!(bed.files(), before, "a restore writes nothing to the store");
}

#[test]
fn a_dry_run_shows_what_would_be_replaced_and_by_what_and_touches_nothing() {
    let (vault, bed) = healthy();
    let id = bed.snapshot();
    bed.run(&["restore", "--dry-run"]).succeeds().shows(&[
        CLUSTER,
        &format!("by backup {id}, "),
        "202 keys",
        &format!("--confirm {CLUSTER}"),
    ]);
    let state = vault.state();
    assert!(state.restored.is_none() && !state.requests.iter().any(|request| request.contains("cubbyhole")));
}

#[test]
fn snapshots_of_the_old_script_are_restored_by_key_file_and_standard_input() {
    let stored = "20240101_030000.snap";
    for from in [stored, "local.snap", "-"] {
        let (vault, bed) = healthy();
        bed.write("local.snap", &golden());
        bed.write(&format!("store/{stored}"), &golden());
        bed.run_with(&["restore", from, "--force", "--confirm", CLUSTER], &golden())
            .succeeds()
            .says(&["it has no manifest"]);
        assert_eq!(vault.state().restored, Some(golden()), "{from}");
        assert_eq!(bed.data(), [stored], "{from}");
    }
}

#[test]
fn a_snapshot_that_is_not_whole_never_reaches_the_server() {
    let (vault, bed) = healthy();
    let whole = golden();
    let cut = bed.write("cut.snap", &whole[..whole.len() - 4]);
    let line = ["restore", &cut, "--force", "--confirm", CLUSTER];
    bed.run(&line).ends_with(10).says(&["--lenient-trailer"]);
    assert!(vault.state().restored.is_none());
    bed.run(&[&line[..], &["--lenient-trailer"]].concat()).succeeds();
    assert_eq!(vault.state().restored.as_deref(), Some(&whole[..whole.len() - 4]));
}

#[test]
fn what_no_known_key_vouches_for_is_refused_with_13() {
    let (vault, mut bed) = healthy();
    let id = bed.snapshot();
    bed.unset("BACKUP_KEY_FILE");
    let line = ["restore", "--at", &id, "--force", "--confirm", CLUSTER];
    bed.run(&line).ends_with(13).says(&["--allow-unauthenticated-origin"]);
    assert!(vault.state().restored.is_none());
}

#[test]
fn what_was_to_be_looked_at_and_could_not_be_ends_with_12_without_strict_too() {
    let path = "--verify-path=secret/platform/iam/";
    for (seals, asked, why) in [
        (true, "--wait-unsealed=1s", "nobody has unsealed it within 1 s"),
        (true, path, "was not listed: the server is sealed"),
        (false, path, "is it the right backup?"),
    ] {
        let (vault, bed) = healthy();
        bed.snapshot();
        vault.change(|state| state.seals = seals);
        bed.run(&["restore", "--force", "--confirm", CLUSTER, asked])
            .ends_with(12)
            .shows(&["restored http"])
            .says(&[why, "could not be: see the findings"]);
    }
}

#[test]
fn a_server_that_runs_with_the_id_of_another_cluster_ends_with_6_and_is_not_called_restored() {
    let (vault, bed) = healthy();
    bed.snapshot();
    vault.change(|state| (state.seals, state.cluster.1) = (false, "another-id"));
    let ended = bed.run(&["restore", "--force", "--confirm", CLUSTER]);
    let ended = ended.ends_with(6).says(&["its cluster id is another-id", "6f0c9c8e"]);
    assert!(!ended.stdout.contains("restored"), "{}", ended.stdout);
}

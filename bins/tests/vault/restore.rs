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
fn a_server_that_was_never_initialised_is_told_how_without_a_token_and_before_anything_is_read() {
    let (vault, mut bed) = healthy();
    bed.snapshot();
    bed.unset("VAULT_TOKEN");
    vault.change(|state| state.initialized = false);
    bed.run(&["restore", "--force", "--confirm", CLUSTER])
        .ends_with(6)
        .says(&["vault operator init -key-shares=1 -key-threshold=1"]);
    vault.change(|state| state.initialized = true);
    bed.run(&["restore", "--force", "--confirm", CLUSTER])
        .ends_with(3)
        .says(&["there is no token"]);
}

#[test]
fn the_name_to_confirm_is_told_before_the_snapshot_is_read() {
    let (vault, bed) = healthy();
    let id = bed.snapshot();
    std::fs::write(bed.path(&format!("store/{id}.snap.pbe")), "damaged").unwrap();
    let name = format!("--confirm {CLUSTER}");
    bed.run(&["restore", "--force"]).ends_with(11).says(&[&name]);
    bed.run(&["restore", "--force", "--confirm", CLUSTER]).ends_with(10);
    assert!(vault.state().restored.is_none());
}

#[test]
fn a_snapshot_is_restored_from_a_pipe_with_a_name_and_needs_no_store() {
    let (vault, mut bed) = healthy();
    bed.unset("BACKUP_STORE");
    let (pipe, writer) = bed.pipe("pipe", golden());
    bed.run(&["restore", &pipe, "--force", "--confirm", CLUSTER])
        .succeeds()
        .shows(&[&format!("from {pipe}: 202 keys")]);
    writer.join().unwrap().unwrap();
    assert_eq!(vault.state().restored, Some(golden()));
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

/// A store with a snapshot of this cluster, and then one of another by the same server.
fn two_clusters() -> (FakeVault, Bed, [String; 2]) {
    let (vault, bed) = healthy();
    let first = bed.snapshot();
    vault.change(|state| state.cluster = ("vault-cluster-fresh", "fresh-id"));
    let second = bed.snapshot();
    (vault, bed, [first, second])
}

#[test]
fn with_force_the_latest_of_several_clusters_is_refused_with_11_and_the_newest_of_each_is_named() {
    let (vault, bed, [first, second]) = two_clusters();
    let line = ["restore", "--force", "--confirm", "vault-cluster-fresh"];
    let hints = [
        format!("the newest of cluster {CLUSTER} with 202 keys: --at {first}"),
        format!("the newest of cluster vault-cluster-fresh with 202 keys: --at {second}"),
    ];
    for latest in [&[][..], &["--at", "latest"], &["--dry-run"]] {
        bed.run(&[&line[..], latest].concat())
            .ends_with(11)
            .says(&[&hints[0], &hints[1]]);
    }
    assert!(vault.state().restored.is_none());
    let named = [&line[..], &["--at", &first]].concat();
    bed.run(&named).succeeds().shows(&[&format!("from backup {first}")]);
}

#[test]
fn without_force_the_latest_is_that_of_the_targets_own_cluster() {
    let (vault, bed, [first, _]) = two_clusters();
    vault.change(|state| state.cluster = (CLUSTER, "6f0c9c8e"));
    bed.run(&["restore", "--confirm", CLUSTER])
        .succeeds()
        .shows(&[&format!("from backup {first}")]);
    vault.change(|state| (state.sealed, state.cluster) = (false, ("third", "third-id")));
    bed.run(&["restore", "--confirm", "third"]).ends_with(11).says(&[
        "none of the target's (third-id)",
        "--force",
        &first,
    ]);
}

#[test]
fn force_onto_the_cluster_that_the_snapshot_is_of_is_a_finding() {
    let (vault, bed) = healthy();
    bed.snapshot();
    let needless = "--force is needed only if";
    let line = ["restore", "--force", "--dry-run"];
    bed.run(&line).succeeds().says(&[needless]);
    vault.change(|state| state.cluster.1 = "another-id");
    let other = bed.run(&line).succeeds();
    assert!(!other.stderr.contains(needless), "{}", other.stderr);
}

#[test]
fn damage_names_another_backup_of_the_same_cluster_only() {
    let (_vault, bed, [first, second]) = two_clusters();
    let file = format!("store/{second}.snap.pbe");
    let mut bytes = std::fs::read(bed.path(&file)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bed.write(&file, &bytes);
    let ended = bed.run(&["restore", "--at", &second, "--confirm", "vault-cluster-fresh"]);
    let ended = ended.ends_with(10).says(&["no other complete backup of it"]);
    assert!(!ended.stderr.contains(&first), "{}", ended.stderr);
}

#[test]
fn a_list_shows_whose_each_snapshot_is_and_how_many_keys_it_holds() {
    let (_vault, bed, _) = two_clusters();
    bed.run(&["list"]).succeeds().shows(&[
        &format!("cluster {CLUSTER} with 202 keys"),
        "cluster vault-cluster-fresh with 202 keys",
    ]);
    let listed = bed.run(&["list", "--json"]).succeeds().json();
    let newest = &listed["backups"][0];
    assert_eq!(newest["cluster_name"], "vault-cluster-fresh");
    assert_eq!(
        (&newest["cluster_id"], &newest["keys"]),
        (&"fresh-id".into(), &202.into())
    );
}

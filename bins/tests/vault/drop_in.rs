//! In the place of `backup-vault.sh`: the script's environment, and a key.

use crate::{
    bed::{Bed, golden},
    fake::{FakeVault, TOKEN},
};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn the_environment_of_the_script_and_a_key_are_enough_and_the_last_line_is_the_documented_one() {
    let vault = FakeVault::with(golden());
    let bed = Bed::on(&vault);
    let output = bed.run(&[]).succeeds();
    let last = output.stdout.lines().last().unwrap();
    let id = last
        .strip_prefix("Vault snapshot saved: ")
        .and_then(|rest| rest.strip_suffix(".snap (1707 bytes)"))
        .unwrap_or_else(|| panic!("{last}"));
    assert_eq!(bed.data(), [format!("{id}.snap.pbe")]);
    assert!(!(output.stdout.clone() + &output.stderr).contains(TOKEN));

    bed.run(&["list"]).succeeds().shows(&[id, "COMPLETE", "sealed"]);
    bed.run(&["verify"]).succeeds().shows(&[id, "ok"]);
    bed.run(&["prune"]).succeeds().shows(&[id, "stays"]);
    let name = format!("backup {id}");
    bed.run(&["inspect"]).succeeds().shows(&[&name, "logical/5f1b"]);
    bed.run(&["inspect", id]).succeeds().shows(&[&name]);
}

/// The keep rules leave the last six, and one of each hour: the last. An hour may end between two runs.
#[test]
fn of_runs_in_a_row_each_is_the_newest_and_is_there_when_it_is_called_saved() {
    let vault = FakeVault::with(golden());
    let bed = Bed::on(&vault);
    let (mut ids, mut of_hours) = (Vec::<String>::new(), BTreeMap::new());
    for _ in 0..8 {
        let id = bed.snapshot();
        assert!(ids.last().is_none_or(|before| id > *before), "{id} after {ids:?}");
        of_hours.insert(id[.."YYYYMMDD_HH".len()].to_owned(), id.clone());
        ids.push(id);
        let last = ids.iter().rev().take(6);
        let kept: BTreeSet<_> = of_hours
            .values()
            .chain(last)
            .map(|id| format!("{id}.snap.pbe"))
            .collect();
        assert_eq!(bed.data(), kept.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn the_report_for_machines_says_what_was_stored() {
    let vault = FakeVault::with(golden());
    let bed = Bed::on(&vault);
    let json = bed.run(&["snapshot", "--json"]).succeeds().json();
    assert_eq!((&json["complete"], &json["plain_length"]), (&true.into(), &1707.into()));
    let details = &json["artifacts"][0]["details"];
    assert_eq!((&details["raft_index"], &details["keys"]), (&205.into(), &202.into()));
}

#[test]
fn nothing_of_a_snapshot_stands_on_a_disk_in_clear() {
    let vault = FakeVault::with(golden());
    let bed = Bed::on(&vault);
    bed.run(&["--memory", "1MiB"]).succeeds();
    let snapshot = golden();
    for (path, content) in bed.files() {
        let clear = content.windows(64).any(|window| window == &snapshot[100..164]);
        assert!(!clear, "{}", path.display());
    }
}

#[test]
fn a_dry_run_asks_and_stores_nothing() {
    let vault = FakeVault::with(golden());
    let bed = Bed::on(&vault);
    bed.run(&["--dry-run"]).succeeds().shows(&["would back up snapshot"]);
    assert!(bed.data().is_empty());
    assert!(
        !vault
            .state()
            .requests
            .iter()
            .any(|request| request.contains("raft/snapshot"))
    );
}

#[test]
fn a_namespace_is_said_not_to_be_sent_and_trust_in_any_server_is_warned_of() {
    let vault = FakeVault::with(golden());
    let mut bed = Bed::on(&vault);
    bed.set("VAULT_NAMESPACE", "team");
    bed.set("VAULT_SKIP_VERIFY", "true");
    bed.run(&[])
        .succeeds()
        .says(&["VAULT_NAMESPACE: it is not sent", "WARN", "ANY server is trusted"]);
}

#[test]
fn policies_are_printed_without_any_server() {
    let output = Bed::new().run(&["policy"]).succeeds();
    output.shows(&[
        r#"path "sys/storage/raft/snapshot" { capabilities = ["read"] }"#,
        "-orphan -period=768h -policy=vault-snapshot",
        r#"path "sys/storage/raft/snapshot-force" { capabilities = ["update"] }"#,
        "token_type=batch",
    ]);
}

//! Each way to fail has its documented number and says what to do.

use crate::{
    bed::{Bed, Output, golden},
    fake::{CLUSTER, FakeVault},
};

/// A server and a program that works with it.
fn healthy() -> (FakeVault, Bed) {
    let vault = FakeVault::with(golden());
    let bed = Bed::on(&vault);
    (vault, bed)
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    Bed::new().run(&["--nonsense"]).ends_with(2);
    Bed::new().run(&["restore", "--wait-unsealed=soon"]).ends_with(2);
}

#[test]
fn wrong_settings_end_with_3_and_nothing_is_asked() {
    for (name, value, said) in [
        ("VAULT_AGENT_ADDR", "http://127.0.0.1:8100", "VAULT_AGENT_ADDR"),
        ("VAULT_CAPATH", "/etc/ssl/certs", "VAULT_CACERT"),
        ("VAULT_TOKEN_FILE", "/nonexistent", "both set"),
        ("BACKUP_VAULT_AUTH", "kubernetes", "--role"),
    ] {
        let (vault, mut bed) = healthy();
        bed.set(name, value);
        bed.run(&[]).ends_with(3).says(&[said, "HINT: "]);
        assert!(vault.state().requests.is_empty(), "{name}");
    }
}

#[test]
fn a_missing_token_ends_with_3_and_a_token_in_a_file_will_do() {
    let (vault, mut bed) = healthy();
    bed.unset("VAULT_TOKEN");
    bed.run(&[]).ends_with(3).says(&["VAULT_TOKEN_FILE"]);
    assert!(vault.state().requests.is_empty());
    let file = bed.write("token", b"hvs.planted-secret\r\n\n");
    bed.set("VAULT_TOKEN_FILE", &file);
    bed.run(&[]).succeeds();
}

#[test]
fn what_cannot_be_a_token_ends_with_3_and_is_neither_shown_nor_sent() {
    for wrong in ["hvs.planted\n", "hvs.planted\r", "hvs.planted secret"] {
        let (vault, mut bed) = healthy();
        bed.set("VAULT_TOKEN", wrong);
        let refused = bed.run(&[]).ends_with(3).says(&["no token has"]);
        assert!(!refused.stderr.contains("planted"), "{}", refused.stderr);
        assert!(vault.state().requests.is_empty());
    }
}

#[test]
fn a_server_that_is_gone_ends_with_5() {
    let mut bed = Bed::new();
    bed.set("VAULT_ADDR", "http://127.0.0.1:1");
    bed.set("VAULT_TOKEN", "x");
    bed.run(&[]).ends_with(5).says(&["check VAULT_ADDR"]);
}

#[test]
fn a_server_that_cannot_give_a_snapshot_ends_with_6_and_nothing_is_stored() {
    let cut = golden()[..1000].to_vec();
    let (vault, bed) = healthy();
    vault.change(|state| state.sealed = true);
    bed.run(&[]).ends_with(6).says(&["sealed", "vault operator unseal"]);
    vault.change(|state| state.sealed = false);
    for (refusal, said) in [
        ("permission denied\n\n* invalid token", "expired or revoked"),
        ("permission denied", r#"capabilities = ["read"]"#),
    ] {
        vault.change(|state| state.refusal = Some(refusal));
        bed.run(&[]).ends_with(6).says(&[said]);
    }
    vault.change(|state| (state.refusal, state.snapshot) = (None, cut));
    bed.run(&[])
        .ends_with(6)
        .says(&["the snapshot that Vault sent is not complete", "nothing was stored"]);
    assert!(bed.data().is_empty(), "{:?}", bed.data());
}

#[test]
fn a_redirect_in_a_circle_ends_with_6_and_nothing_is_stored() {
    let (vault, bed) = healthy();
    let second = FakeVault::with(golden());
    let snapshot = "/v1/sys/storage/raft/snapshot";
    second.change(|state| state.redirect = Some(format!("{}{snapshot}", vault.address())));
    for (location, said) in [
        (snapshot.to_owned(), "it redirects to itself".to_owned()),
        (
            format!("{}{snapshot}", second.address()),
            format!("{} redirects again", second.address()),
        ),
    ] {
        vault.change(|state| state.redirect = Some(location));
        bed.run(&[])
            .ends_with(6)
            .says(&[&said, "try 2 of 3 failed", "HINT: ", "api_addr of its leader"]);
        assert!(bed.data().is_empty(), "{:?}", bed.data());
    }
}

#[test]
fn a_redirect_that_must_not_be_followed_ends_with_11_and_nothing_is_stored() {
    let (vault, bed) = healthy();
    let other = FakeVault::with(golden());
    for (path, said) in [
        ("/v1/sys/storage/raft/snapshot?a=b", "it adds a query"),
        ("/v1/sys/health", "it leads to another path"),
    ] {
        vault.change(|state| state.redirect = Some(format!("{}{path}", other.address())));
        bed.run(&[])
            .ends_with(11)
            .says(&["its redirect is not followed", said, "api_addr of its leader"]);
        assert!(bed.data().is_empty(), "{:?}", bed.data());
    }
    assert!(other.state().requests.is_empty());
}

#[test]
fn a_snapshot_that_stands_still_once_is_asked_for_again() {
    for sent in [0, 1000] {
        let (vault, bed) = healthy();
        vault.change(|state| state.first_stalls_at = Some(sent));
        bed.run(&[]).succeeds().says(&["try 1 of 3 failed"]);
        let asked = vault.state().requests;
        let snapshots = asked.iter().filter(|asked| asked.ends_with("raft/snapshot")).count();
        assert_eq!(snapshots, 2, "{asked:?}");
    }
}

#[test]
fn what_is_not_there_ends_with_9() {
    let bed = Bed::new();
    for arguments in [&["inspect"][..], &["inspect", "none.snap"], &["verify"]] {
        bed.run(arguments).ends_with(9);
    }
}

#[test]
fn a_stored_snapshot_that_was_changed_ends_with_10_in_verify_inspect_and_restore() {
    let (vault, bed) = healthy();
    let id = bed.snapshot();
    let file = format!("store/{id}.snap.pbe");
    let mut bytes = std::fs::read(bed.path(&file)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bed.write(&file, &bytes);
    bed.run(&["verify"]).ends_with(10).shows(&["DAMAGED"]);
    bed.run(&["inspect", &id]).ends_with(10);
    bed.run(&["restore", "--at", &id, "--force", "--confirm", CLUSTER])
        .ends_with(10);
    assert!(vault.state().restored.is_none());
}

#[test]
fn findings_of_check_end_with_12() {
    let (_vault, bed) = healthy();
    bed.run(&["check"])
        .ends_with(12)
        .shows(&["no recovery key", "may also restore"]);
}

#[test]
fn a_spool_folder_that_cannot_be_used_is_found_by_check_before_a_snapshot_needs_it() {
    let (_vault, mut bed) = healthy();
    bed.snapshot();
    let row = |output: &Output| {
        let row = output.stdout.lines().find(|line| line.contains(" spool "));
        row.unwrap().to_owned()
    };
    let good = bed.run(&["check"]).ends_with(12);
    assert!(
        row(&good).contains("free; the last backup took 1.67 KiB"),
        "{}",
        good.stdout
    );
    bed.set("BACKUP_SPOOL_DIR", "/proc/self");
    let bad = bed
        .run(&["check"])
        .ends_with(12)
        .shows(&["--spool-dir", "BACKUP_SPOOL_DIR"]);
    assert!(row(&bad).contains("ERROR"), "{}", bad.stdout);
}

#[test]
fn no_key_and_no_encryption_by_the_store_ends_with_13() {
    let (_vault, mut bed) = healthy();
    bed.unset("BACKUP_KEY_FILE");
    bed.run(&[]).ends_with(13).says(&["--sse aws:kms"]);
    assert!(bed.data().is_empty());
}

#[test]
fn a_key_that_vault_keeps_is_refused_for_backups_of_vault_with_13() {
    let (vault, bed) = healthy();
    let good = std::fs::read_to_string(bed.path("backup.key")).unwrap();
    let line = format!("pbe1:vault-transit:{}:01234567", "0123456789abcdef".repeat(4));
    for (line, said) in [
        (line.as_str(), "unknown kind of key: it is kek, sign, verify, recovery"),
        ("vault-transit transit/keys/backup", "not a key: a key looks like pbe1:"),
    ] {
        bed.write("backup.key", format!("{good}{line}\n").as_bytes());
        for arguments in [&[][..], &["check"], &["list"]] {
            bed.run(arguments).ends_with(13).says(&[said]);
        }
    }
    assert!(bed.data().is_empty() && vault.state().requests.is_empty());
}

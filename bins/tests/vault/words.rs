//! What an operator does by hand, and what he is told.

use crate::{
    bed::{Bed, golden},
    fake::FakeVault,
};
use backup_tests::Minio;

#[test]
fn a_second_snapshot_by_hand_does_not_delete_the_first() {
    let vault = FakeVault::with(golden());
    let bed = Bed::on(&vault);
    let snapshots = [bed.snapshot(), bed.snapshot(), bed.snapshot()];
    let listed = bed.run(&["list"]).succeeds();
    for id in &snapshots {
        listed.stdout.lines().find(|line| line.contains(id)).unwrap();
    }
}

#[test]
fn a_server_that_is_not_vault_and_one_without_tls_are_told_with_what_to_correct() {
    let mut bed = Bed::on(&FakeVault::with(golden()));
    bed.set("VAULT_ADDR", &Minio::shared().endpoint());
    bed.run(&[]).ends_with(6).says(&[
        "unexpected answer",
        "HINT: Vault does not answer so: check that VAULT_ADDR",
    ]);
    bed.set("VAULT_ADDR", &Minio::shared().endpoint().replace("http:", "https:"));
    bed.run(&[]).ends_with(5).says(&["TLS failed", "begins with http://"]);
}

#[test]
fn an_address_of_the_api_or_the_user_interface_ends_with_3_and_says_what_is_wrong_with_it() {
    let vault = FakeVault::with(golden());
    let mut bed = Bed::on(&vault);
    let address = vault.address();
    for (path, said) in [
        ("/v1", "ends with /v1"),
        ("/v1/", "ends with /v1"),
        ("/ui", "ends with /ui"),
    ] {
        bed.set("VAULT_ADDR", &format!("{address}{path}"));
        let output = bed
            .run(&[])
            .ends_with(3)
            .says(&[said, "HINT: set VAULT_ADDR to something like"]);
        assert!(!output.stderr.contains("policy"), "{}", output.stderr);
    }
    assert!(vault.state().requests.is_empty());
}

//! Restores of a cluster to an earlier state of its own, and those that Vault refuses.

use crate::fixture::{Kit, confirmed, facts, pieces, whole};
use backup_core::ErrorKind;
use backup_tests::Vault;
use backup_vault::{
    RestoreRequest,
    client::{RESTORE_POLICY, RestoredState},
};
use serde_json::json;

/// A server with one secret.
fn with_secret(value: &str) -> Vault {
    let server = Vault::ready();
    server.write(
        "sys/mounts/secret",
        &json!({ "type": "kv", "options": { "version": "1" } }),
    );
    server.write("secret/platform/iam/db", &json!({ "value": value }));
    server
}

fn secret(server: &Vault) -> String {
    let read = server.read_as(server.root_token(), "secret/platform/iam/db");
    read["data"]["value"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_cluster_goes_back_to_its_own_snapshot_without_force_and_the_restore_ends_with_the_switch() {
    let server = with_secret("before");
    let kit = Kit::new();
    let manifest = kit.backup(&kit.root(&server)).await.unwrap().manifest;
    server.write("secret/platform/iam/db", &json!({ "value": "after" }));
    server.policy("restore", RESTORE_POLICY);
    let token = server.token(&["restore"], json!({ "no_parent": true, "period": "1h" }));
    let request = RestoreRequest {
        verify_path: Some("secret/platform/iam/".into()),
        ..confirmed(&server, false)
    };
    // The token of the restore is younger than the snapshot: it goes with the state that it replaced.
    let target = kit.target(&server.address(), &token);
    let restored = kit.restore(&manifest, &target, &request).await.unwrap();
    assert_eq!(restored.state, RestoredState::InForce);
    assert_eq!(
        (secret(&server), restored.is_cluster(&manifest.lineage)),
        ("before".into(), Some(true))
    );
    assert_eq!(restored.listing, None);

    server.write("secret/platform/iam/db", &json!({ "value": "after" }));
    let restored = kit.restore(&manifest, &kit.root(&server), &request).await.unwrap();
    assert_eq!(
        (restored.state, secret(&server)),
        (RestoredState::InForce, "before".into())
    );
    assert_eq!(restored.listing.unwrap().names, ["db"]);
}

#[tokio::test]
async fn a_snapshot_of_another_cluster_without_force_is_refused_with_the_reason_and_changes_nothing() {
    let (source, other) = (with_secret("source"), with_secret("other"));
    let kit = Kit::new();
    let manifest = kit.backup(&kit.root(&source)).await.unwrap().manifest;
    let refused = kit
        .restore(&manifest, &kit.root(&other), &confirmed(&other, false))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused:?}");
    assert!(
        refused.chain().contains("other unseal keys") && refused.hints()[0].contains("--force"),
        "{refused:?}"
    );
    assert_eq!(secret(&other), "other");
}

#[tokio::test]
async fn a_snapshot_whose_trailer_alone_is_cut_can_be_restored() {
    let server = with_secret("before");
    let kit = Kit::new();
    let manifest = kit.backup(&kit.root(&server)).await.unwrap().manifest;
    let snapshot = whole(kit.stored(&manifest).await).await;
    server.write("secret/platform/iam/db", &json!({ "value": "after" }));
    let cut = &snapshot[..snapshot.len() - 8];
    let facts = facts(pieces(cut)).await;
    let restored = kit
        .root(&server)
        .restore(&kit.cx, pieces(cut), &facts, &confirmed(&server, false))
        .await;
    assert_eq!(
        (restored.unwrap().state, secret(&server)),
        (RestoredState::InForce, "before".into())
    );
}

#[tokio::test]
async fn other_bytes_than_those_that_were_proven_change_nothing() {
    let server = with_secret("before");
    let kit = Kit::new();
    let manifest = kit.backup(&kit.root(&server)).await.unwrap().manifest;
    let mut snapshot = whole(kit.stored(&manifest).await).await;
    let facts = facts(pieces(&snapshot)).await;
    let middle = snapshot.len() / 2;
    snapshot[middle] ^= 1;
    server.write("secret/platform/iam/db", &json!({ "value": "after" }));
    let target = kit.root(&server);
    let failed = target
        .restore(&kit.cx, pieces(&snapshot), &facts, &confirmed(&server, true))
        .await
        .unwrap_err();
    assert_eq!((failed.kind(), secret(&server)), (ErrorKind::Damaged, "after".into()));
}

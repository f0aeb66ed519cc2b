//! What a server says about itself.

use super::fake::{FakeVault, error, json, redirect};
use crate::client::VaultErrorKind;

const HEALTH: &str = r#"{"initialized":true,"sealed":SEALED,"standby":true,"performance_standby":false,
"replication_performance_mode":"disabled","server_time_utc":1763856000,"version":"1.19.3","enterprise":false,
"cluster_name":"vault-cluster-1","cluster_id":"5b2b9b4e"}"#;

#[tokio::test]
async fn health_is_read_whatever_status_stands_for_it() {
    for status in [200, 429, 472, 473, 501, 503, 530] {
        let sealed = status == 503;
        let server = FakeVault::always(json(status, &HEALTH.replace("SEALED", &sealed.to_string()))).await;
        let health = server.client().health().await.unwrap();
        assert_eq!((health.sealed, health.version.as_str()), (sealed, "1.19.3"), "{status}");
        assert_eq!(health.cluster_name.as_deref(), Some("vault-cluster-1"));
        // Anybody may ask: the token stays here.
        assert_eq!(server.seen()[0].header("x-vault-token"), None);
    }
}

#[tokio::test]
async fn something_else_in_the_place_of_vault_is_not_healthy() {
    for (status, kind) in [(200, VaultErrorKind::Unexpected), (502, VaultErrorKind::Server)] {
        let server = FakeVault::always(json(status, "<html>welcome</html>")).await;
        assert_eq!(server.client().health().await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn the_leader_is_named_and_a_sealed_server_knows_none() {
    let answer = r#"{"ha_enabled":true,"is_self":false,"active_time":"0001-01-01T00:00:00Z",
"leader_address":"http://127.0.0.1:8210","leader_cluster_address":"https://127.0.0.1:8211","performance_standby":false,
"performance_standby_last_remote_wal":0,"raft_committed_index":40,"raft_applied_index":40}"#;
    let server = FakeVault::always(json(200, answer)).await;
    let leader = server.client().leader().await.unwrap();
    assert_eq!(
        (leader.is_self, leader.leader_address.as_str()),
        (false, "http://127.0.0.1:8210")
    );
    assert_eq!(server.seen()[0].path, "/v1/sys/leader");
    let sealed = FakeVault::always(error(503, "Vault is sealed")).await;
    assert_eq!(
        sealed.client().leader().await.unwrap_err().kind(),
        VaultErrorKind::Sealed
    );
    let empty = FakeVault::always(error(503, "Vault is not initialized")).await;
    assert_eq!(
        empty.client().leader().await.unwrap_err().kind(),
        VaultErrorKind::NotInitialized
    );
}

#[tokio::test]
async fn the_seal_says_how_many_shares_open_it() {
    let answer = r#"{"type":"shamir","initialized":true,"sealed":true,"t":3,"n":5,"progress":1,"nonce":"x","version":"1.19.3",
"build_date":"2025-04-29T10:34:52Z","migration":false,"recovery_seal":false,"storage_type":"raft"}"#;
    let server = FakeVault::always(json(200, answer)).await;
    let seal = server.client().seal_status().await.unwrap();
    assert_eq!(
        (seal.kind.as_str(), seal.threshold, seal.shares, seal.progress),
        ("shamir", 3, 5, 1)
    );
    assert_eq!((seal.storage_type.as_deref(), seal.cluster_id), (Some("raft"), None));
}

#[tokio::test]
async fn one_server_never_answers_for_another() {
    let other = FakeVault::always(json(200, &HEALTH.replace("SEALED", "false"))).await;
    for path in ["health", "leader", "seal-status"] {
        let server = FakeVault::always(redirect(307, &format!("{}/v1/sys/{path}", other.address))).await;
        let vault = server.client();
        let failed = match path {
            "health" => vault.health().await.unwrap_err(),
            "leader" => vault.leader().await.unwrap_err(),
            _ => vault.seal_status().await.unwrap_err(),
        };
        assert_eq!(failed.kind(), VaultErrorKind::Unexpected, "{failed}");
    }
    assert!(other.seen().is_empty());
}

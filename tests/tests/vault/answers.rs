//! What Vault 1.19 really answers, understood.

use backup_tests::Vault;
use backup_vault::{
    Secret,
    client::{self, VaultErrorKind, VaultSettings},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::json;

fn client(server: &Vault, token: &str) -> client::Vault {
    client::Vault::new(VaultSettings {
        addr: server.address(),
        token: Some(Secret::new(token)).filter(|token| !token.is_empty()),
        ..VaultSettings::default()
    })
    .unwrap()
}

async fn refusal(server: &Vault, token: &str) -> VaultErrorKind {
    client(server, token).snapshot().await.unwrap_err().kind()
}

#[tokio::test]
async fn refusals_of_a_snapshot_have_their_meaning() {
    let fresh = Vault::start();
    // Vault says the same of both: only its health tells.
    assert_eq!(refusal(&fresh, "hvs.any").await, VaultErrorKind::Sealed);
    assert_eq!(
        client(&fresh, "").leader().await.unwrap_err().kind(),
        VaultErrorKind::Sealed
    );
    let server = Vault::ready();
    let entitled = server.token(&["default"], json!({}));
    assert_eq!(refusal(&server, "").await, VaultErrorKind::TokenMissing);
    assert_eq!(refusal(&server, "hvs.never-was").await, VaultErrorKind::TokenInvalid);
    assert_eq!(refusal(&server, &entitled).await, VaultErrorKind::Forbidden);
    server.seal();
    assert_eq!(refusal(&server, server.root_token()).await, VaultErrorKind::Sealed);
    assert_eq!(
        client(&server, "").leader().await.unwrap_err().kind(),
        VaultErrorKind::Sealed
    );
}

#[tokio::test]
async fn what_is_no_snapshot_is_refused_by_vault_too() {
    let server = Vault::ready();
    let vault = client(&server, server.root_token());
    for force in [false, true] {
        let garbage = stream::iter([Ok(Bytes::from_static(b"no snapshot at all"))]).boxed();
        let failed = vault.send_snapshot(garbage, 18, force).await.unwrap_err();
        assert!(failed.chain().contains("HTTP "), "{failed:?}");
    }
    assert_eq!(server.health(), Some(200));
}

//! Settings that cannot work are refused before anything is sent.

use super::fake::{FakeVault, client, json};
use crate::{
    Secret,
    client::{Vault, VaultErrorKind, VaultSettings},
};
use backup_core::ErrorKind;

fn refused(settings: VaultSettings) -> backup_core::Error {
    Vault::new(settings).unwrap_err()
}

#[test]
fn an_address_that_is_not_one_of_a_server_is_refused_without_showing_it() {
    for addr in [
        "",
        "vault:8200",
        "ftp://vault",
        "https://u:planted@vault",
        "https://vault?planted",
        "https://vault/#planted",
        "https://",
    ] {
        let error = refused(VaultSettings {
            addr: addr.into(),
            ..VaultSettings::default()
        });
        assert_eq!(error.kind(), ErrorKind::Config, "{addr}");
        assert!(!format!("{error:?}").contains("planted"), "{error:?}");
    }
    assert_eq!(client("http://vault:8200/").address().to_string(), "http://vault:8200");
    assert_eq!(
        client("https://proxy/vault/").address().to_string(),
        "https://proxy/vault"
    );
}

#[test]
fn certificates_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let junk = folder.path().join("junk.pem");
    std::fs::write(&junk, "not a certificate").unwrap();
    let cacert = |file: &std::path::Path| VaultSettings {
        cacert: Some(file.into()),
        ..VaultSettings::default()
    };
    let pair = VaultSettings {
        client_cert: Some(junk.clone()),
        client_key: Some(junk.clone()),
        ..VaultSettings::default()
    };
    let half = VaultSettings {
        client_key: None,
        ..pair.clone()
    };
    for settings in [cacert(&junk), cacert(&folder.path().join("missing")), pair, half] {
        assert_eq!(refused(settings).kind(), ErrorKind::Config);
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_refused_without_showing_it() {
    let server = FakeVault::always(json(200, "{}")).await;
    let vault = server.client().with_token(Secret::new("planted\nX-Other: 1"));
    let error = vault.snapshot().await.unwrap_err();
    assert_eq!(error.kind(), VaultErrorKind::TokenInvalid);
    assert!(!format!("{error:?}").contains("planted"));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn an_empty_token_is_none() {
    let server = FakeVault::always(super::fake::error(400, "missing client token")).await;
    let error = server
        .client()
        .with_token(Secret::new(""))
        .snapshot()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), VaultErrorKind::TokenMissing);
    assert_eq!(server.seen()[0].header("x-vault-token"), None);
}

#[tokio::test]
async fn a_path_before_the_api_is_kept() {
    let server = FakeVault::always(json(204, "")).await;
    client(&format!("{}/behind/", server.address))
        .revoke_token()
        .await
        .unwrap();
    assert_eq!(server.seen()[0].path, "/behind/v1/auth/token/revoke-self");
}

#[tokio::test]
async fn another_name_for_tls_changes_neither_the_host_that_is_asked_nor_the_one_in_the_request() {
    let server = FakeVault::always(json(204, "")).await;
    let vault = Vault::new(VaultSettings {
        addr: server.address.clone(),
        tls_server_name: Some("vault.example.org".into()),
        token: Some(Secret::new("x")),
        ..VaultSettings::default()
    });
    vault.unwrap().revoke_token().await.unwrap();
    assert_eq!(server.seen()[0].own_address(), server.address);
}

#[tokio::test]
async fn an_ip_address_as_a_name_for_tls_is_refused_and_nothing_is_sent_there() {
    let elsewhere = FakeVault::always(json(204, "")).await;
    let port = elsewhere.address.rsplit_once(':').unwrap().1;
    for name in [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "[::1]",
        "::1",
        "",
        "a/b",
    ] {
        let made = Vault::new(VaultSettings {
            addr: format!("http://127.0.0.2:{port}"),
            tls_server_name: Some(name.into()),
            token: Some(Secret::new("x")),
            ..VaultSettings::default()
        });
        if let Ok(vault) = &made {
            vault.revoke_token().await.unwrap_err();
        }
        assert_eq!(made.unwrap_err().kind(), ErrorKind::Config, "{name}");
    }
    assert!(elsewhere.seen().is_empty());
}

#[test]
fn the_token_does_not_leave_an_encrypted_line_for_an_open_one() {
    let vault = client("https://vault:8200");
    assert_eq!(vault.at("http://leader:8200").unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(
        vault.at("https://leader:8200").unwrap().address().to_string(),
        "https://leader:8200"
    );
}

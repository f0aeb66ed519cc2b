//! Tokens, logins and markers.

use super::fake::{FakeVault, TOKEN, error, json};
use crate::{
    Secret,
    client::{VaultErrorKind, cubbyhole::Marker},
};
use std::time::Duration;

#[tokio::test]
async fn a_token_tells_what_it_is() {
    let answer = r#"{"request_id":"x","data":{"accessor":"a1","creation_time":1,"creation_ttl":2764800,"display_name":"token",
"expire_time":"2026-12-25T00:00:00Z","explicit_max_ttl":0,"id":"hvs.other","meta":null,"num_uses":0,"orphan":false,"path":"auth/token/create",
"policies":["default","vault-snapshot"],"identity_policies":["extra"],"renewable":true,"ttl":604800,"type":"service","period":60}}"#;
    let server = FakeVault::always(json(200, answer)).await;
    let token = server.client().token().await.unwrap();
    assert_eq!(
        token.policies().collect::<Vec<_>>(),
        ["default", "vault-snapshot", "extra"]
    );
    assert_eq!(
        (token.ttl(), token.period()),
        (Some(Duration::from_secs(604_800)), Some(Duration::from_secs(60)))
    );
    assert_eq!((token.orphan, token.renewable, token.is_root()), (false, true, false));
    assert!(!format!("{token:?}").contains("hvs.other"));
    assert_eq!(server.seen()[0].path, "/v1/auth/token/lookup-self");
}

#[tokio::test]
async fn a_root_token_lives_for_ever() {
    let answer = r#"{"data":{"accessor":"a","expire_time":null,"explicit_max_ttl":0,"num_uses":0,"orphan":true,"policies":["root"],"ttl":0,"type":"service"}}"#;
    let token = FakeVault::always(json(200, answer)).await.client().token().await;
    let token = token.unwrap();
    assert_eq!((token.ttl(), token.is_root(), token.orphan), (None, true, true));
}

#[tokio::test]
async fn a_token_is_renewed_and_revoked() {
    let server = FakeVault::start(|seen| match seen.path.as_str() {
        "/v1/auth/token/renew-self" => json(
            200,
            r#"{"auth":{"client_token":"hvs.x","lease_duration":2764800,"renewable":true}}"#,
        ),
        _ => json(204, ""),
    })
    .await;
    let lease = server.client().renew_token().await.unwrap();
    assert_eq!((lease.ttl().as_secs(), lease.renewable), (2_764_800, true));
    server.client().revoke_token().await.unwrap();
    let asked: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| format!("{} {}", seen.method, seen.path))
        .collect();
    assert_eq!(
        asked,
        ["POST /v1/auth/token/renew-self", "POST /v1/auth/token/revoke-self"]
    );
    let batch = FakeVault::always(error(400, "batch tokens cannot be revoked")).await;
    assert_eq!(
        batch.client().revoke_token().await.unwrap_err().kind(),
        VaultErrorKind::Unexpected
    );
}

#[tokio::test]
async fn what_a_token_may_do_is_listed_by_path() {
    let answer = r#"{"data":{"capabilities":["read"],"sys/a":["read"],"sys/b":["deny"]},"sys/a":["read"]}"#;
    let server = FakeVault::always(json(200, answer)).await;
    let found = server
        .client()
        .capabilities(&["sys/a", "sys/b", "sys/c"])
        .await
        .unwrap();
    assert_eq!(
        (found["sys/a"].as_slice(), found["sys/c"].len()),
        (["read".to_owned()].as_slice(), 0)
    );
    assert_eq!(server.seen()[0].body, br#"{"paths":["sys/a","sys/b","sys/c"]}"#);
}

#[tokio::test]
async fn a_login_sends_the_claim_and_no_old_token_and_gives_a_client_with_the_new_one() {
    for (kind, revocable) in [("service", true), ("batch", false)] {
        let answer = format!(
            r#"{{"auth":{{"client_token":"hvs.fresh","accessor":"","policies":["default"],"lease_duration":900,"renewable":false,"token_type":"{kind}"}}}}"#
        );
        let server = FakeVault::always(json(200, &answer)).await;
        let login = server
            .client()
            .login_kubernetes("kubernetes", "backup", &Secret::new("signed.claim"))
            .await
            .unwrap();
        assert_eq!((login.lease.ttl().as_secs(), login.revocable), (900, revocable));
        let seen = &server.seen()[0];
        assert_eq!(
            (seen.path.as_str(), seen.header("x-vault-token")),
            ("/v1/auth/kubernetes/login", None)
        );
        assert_eq!(seen.body, br#"{"jwt":"signed.claim","role":"backup"}"#);
        assert!(login.vault.revoke_token().await.is_ok());
        assert_eq!(server.seen()[1].header("x-vault-token"), Some("hvs.fresh"));
        assert!(!format!("{login:?} {:?}", login.vault).contains("hvs.fresh"));
    }
}

#[tokio::test]
async fn a_refused_login_is_about_the_claim_and_not_about_a_token() {
    for (status, text) in [
        (403, "permission denied"),
        (400, "invalid role name \"x\""),
        (403, "invalid token"),
    ] {
        let server = FakeVault::always(error(status, text)).await;
        let claim = Secret::new("planted.claim");
        let failed = server
            .client()
            .login_kubernetes("kubernetes", "x", &claim)
            .await
            .unwrap_err();
        assert_eq!(failed.kind(), VaultErrorKind::LoginRefused, "{text}");
        assert!(
            failed.to_string().contains(text) && !format!("{failed:?}").contains("planted"),
            "{failed}"
        );
    }
    let garbled = FakeVault::always(json(200, r#"{"auth":{"client_token":"hvs.planted""#)).await;
    let claim = Secret::new("claim");
    let failed = garbled
        .client()
        .login_kubernetes("kubernetes", "x", &claim)
        .await
        .unwrap_err();
    assert!(!format!("{failed:?}").contains("hvs.planted"), "{failed:?}");
}

#[tokio::test]
async fn a_marker_is_gone_when_vault_does_not_know_it_or_the_token() {
    let answers = [
        (json(200, r#"{"data":{"value":"nonce"}}"#), Marker::There),
        (json(200, r#"{"data":{"value":"of an older restore"}}"#), Marker::Gone),
        (json(404, r#"{"errors":[]}"#), Marker::Gone),
        (error(403, "permission denied"), Marker::TokenGone),
        (error(403, "invalid token"), Marker::TokenGone),
    ];
    for (answer, wanted) in answers {
        let server = FakeVault::always(answer).await;
        assert_eq!(server.client().marker("nonce").await.unwrap(), wanted);
    }
    for (status, text) in [(503, "Vault is sealed"), (500, "internal error")] {
        let server = FakeVault::always(error(status, text)).await;
        assert!(server.client().marker("nonce").await.is_err(), "{text}");
    }
    // A proxy knows nothing of markers.
    for status in [403, 404] {
        let server = FakeVault::always(json(status, "<html>no</html>")).await;
        assert!(server.client().marker("nonce").await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn a_marker_is_written_into_the_corner_of_the_token() {
    let server = FakeVault::always(json(204, "")).await;
    server.client().write_marker("nonce").await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.path.as_str(), seen.header("x-vault-token")),
        ("/v1/cubbyhole/platform-backup-restore", Some(TOKEN))
    );
    assert_eq!(seen.body, br#"{"value":"nonce"}"#);
}

#[tokio::test]
async fn a_token_that_may_not_even_look_itself_up_lacks_the_default_policy() {
    let server = FakeVault::always(error(403, "permission denied")).await;
    let failed = backup_core::Error::from(server.client().token().await.unwrap_err());
    assert!(failed.hints()[0].contains("`default`"), "{failed:?}");
}

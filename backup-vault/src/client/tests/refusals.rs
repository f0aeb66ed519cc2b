//! What Vault says instead of a snapshot, in its own words.

use super::fake::{FakeVault, TOKEN, error, json, send};
use crate::client::{VaultError, VaultErrorKind as K};
use backup_core::{Error, ErrorKind, retry::Retryable, store::Retry};

async fn refusal(steps: Vec<super::fake::Step>) -> VaultError {
    let server = FakeVault::always(steps).await;
    server.client().snapshot().await.unwrap_err()
}

#[tokio::test]
async fn each_refusal_is_told_apart() {
    let said = [
        (
            403,
            "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",
            K::TokenInvalid,
        ),
        (403, "1 error occurred:\n\t* permission denied\n\n", K::Forbidden),
        (400, "missing client token", K::TokenMissing),
        (400, "operation unavailable in namespaces", K::Namespace),
        (500, "1 error occurred:\n\t* nothing new to snapshot\n\n", K::NothingNew),
        (
            500,
            "local node not active but active cluster node not found",
            K::NoLeader,
        ),
        (503, "node is not active", K::NoLeader),
        (503, "Vault is sealed", K::Sealed),
        (400, "raft storage is not in use", K::NotRaft),
        (404, "unsupported path", K::NotRaft),
        (
            429,
            "request path \"sys/storage/raft/snapshot\": rate limit quota exceeded",
            K::Throttled,
        ),
        (500, "internal error", K::Server),
        (400, "something else", K::Unexpected),
    ];
    for (status, text, kind) in said {
        assert_eq!(refusal(error(status, text)).await.kind(), kind, "{status} {text}");
    }
}

#[tokio::test]
async fn an_invalid_token_and_a_missing_policy_have_different_advice() {
    let advice = |error: VaultError| Error::from(error).hints().join(" ");
    let invalid = refusal(error(403, "invalid token")).await;
    assert!(invalid.to_string().contains("expired or revoked"), "{invalid}");
    assert!(advice(invalid).contains("-orphan -period"));
    let forbidden = refusal(error(403, "permission denied")).await;
    assert!(advice(forbidden).contains(r#"path "sys/storage/raft/snapshot" { capabilities = ["read"] }"#));
}

#[tokio::test]
async fn only_what_may_go_away_is_worth_another_try() {
    for (status, text, retry) in [
        (500, "nothing new to snapshot", Retry::Maybe),
        (503, "node is not active", Retry::Maybe),
        (500, "x", Retry::Maybe),
        (503, "Vault is sealed", Retry::Never),
        (403, "permission denied", Retry::Never),
        (400, "operation unavailable in namespaces", Retry::Never),
    ] {
        assert_eq!(refusal(error(status, text)).await.retry(), retry, "{text}");
    }
}

#[tokio::test]
async fn a_success_that_is_not_200_is_no_snapshot() {
    assert_eq!(refusal(json(204, "")).await.kind(), K::Unexpected);
    assert_eq!(refusal(json(206, "part")).await.kind(), K::Unexpected);
}

#[tokio::test]
async fn answers_that_are_not_vaults_are_shown_in_one_clean_line() {
    let page = "<html>\u{1b}[2J\u{7}bad gateway</html>\nmore";
    let shown = refusal(json(502, page)).await.to_string();
    assert!(shown.contains("(HTTP 502: <html> [2J bad gateway</html>)"), "{shown:?}");
    let long = refusal(error(400, &"word ".repeat(1000))).await.to_string();
    assert!(long.len() < 600, "{}", long.len());
    let endless = vec![send("HTTP/1.1 500 X\r\n\r\n"), send(vec![b'x'; 1 << 20])];
    assert_eq!(refusal(endless).await.kind(), K::Unexpected);
}

#[tokio::test]
async fn no_error_shows_the_token() {
    let failed = refusal(error(403, "permission denied")).await;
    let server = FakeVault::always(Vec::new()).await;
    let shown = format!(
        "{failed:?} {:?} {:?}",
        Error::from(refusal(Vec::new()).await),
        server.client()
    );
    assert!(!shown.contains(TOKEN), "{shown}");
    assert_eq!(Error::from(failed).kind(), ErrorKind::SourceFailed);
}

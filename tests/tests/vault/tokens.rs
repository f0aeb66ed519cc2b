//! Tokens and policies: what suffices, and what is said of those that do not.

use crate::fixture::{Kit, confirmed, until};
use backup_core::{ErrorKind, event::Severity, target::BackupTarget};
use backup_tests::Vault;
use backup_vault::client::{RESTORE_POLICY, RestoredState, SNAPSHOT_POLICY};
use serde_json::{Value, json};

const DOCUMENTED: &str = r#"
path "sys/storage/raft/snapshot" {
  capabilities = ["read"]
}
"#;

#[tokio::test]
async fn the_documented_token_and_policy_suffice_and_check_says_how_to_make_a_better_one() {
    let server = Vault::ready();
    let kit = Kit::new();
    server.policy("vault-snapshot", DOCUMENTED);
    let documented = server.token(&["vault-snapshot"], json!({ "ttl": 0 }));
    let target = kit.target(&server.address(), &documented);
    let report = kit.backup(&target).await.unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let findings = target.check(&kit.cx).await.unwrap();
    let text = format!("{findings:?}");
    for what in ["dies with the token", "not periodic"] {
        assert!(text.contains(what), "{text}");
    }

    server.policy("vault-snapshot", SNAPSHOT_POLICY);
    let better = server.token(&["vault-snapshot"], json!({ "no_parent": true, "period": "768h" }));
    let target = kit.target(&server.address(), &better);
    kit.backup(&target).await.unwrap();
    let findings = target.check(&kit.cx).await.unwrap();
    assert!(
        findings.iter().all(|finding| finding.severity == Severity::Note),
        "{findings:?}"
    );

    let findings = kit.root(&server).check(&kit.cx).await.unwrap();
    assert!(format!("{findings:?}").contains("may do everything"), "{findings:?}");
}

#[tokio::test]
async fn check_finds_what_a_token_can_do_beside_reading_snapshots() {
    let server = Vault::ready();
    let kit = Kit::new();
    for (more, named) in [
        (r#"path "*" { capabilities = ["read", "list"] }"#, "at *"),
        (
            r#"path "secret/data/platform/*" { capabilities = ["read"] }"#,
            "at secret/data/platform/*",
        ),
        (
            r#"path "auth/token/create" { capabilities = ["update"] }"#,
            "at auth/token/create",
        ),
        (r#"path "+/data/x" { capabilities = ["read"] }"#, "at secret/data/x"),
    ] {
        server.policy("vault-snapshot", &format!("{SNAPSHOT_POLICY}\n{more}"));
        let token = server.token(&["vault-snapshot"], json!({ "no_parent": true, "period": "768h" }));
        let findings = kit.target(&server.address(), &token).check(&kit.cx).await.unwrap();
        let found: Vec<_> = findings
            .iter()
            .filter(|finding| finding.severity > Severity::Note)
            .collect();
        assert_eq!(found.len(), 1, "{findings:?}");
        assert!(found[0].message.contains(named), "{more}: {findings:?}");
    }
}

#[tokio::test]
async fn a_token_for_a_number_of_uses_is_not_spent_on_renewals() {
    let server = Vault::ready();
    let kit = Kit::new();
    server.policy("vault-snapshot", DOCUMENTED);
    let limited = |uses| server.token(&["vault-snapshot"], json!({ "num_uses": uses, "period": "768h" }));
    let report = kit.backup(&kit.target(&server.address(), &limited(2))).await.unwrap();
    assert!(
        report.findings[0].message.contains("can be used once more"),
        "{:?}",
        report.findings
    );
    let failed = kit
        .backup(&kit.target(&server.address(), &limited(1)))
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::SourceFailed);
    assert!(failed.chain().contains("-use-limit"), "{failed:?}");
    let findings = kit.target(&server.address(), &limited(9)).check(&kit.cx).await.unwrap();
    assert!(
        format!("{findings:?}").contains("can be used 8 more times"),
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_token_is_renewed_by_each_run() {
    let server = Vault::ready();
    let kit = Kit::new();
    server.policy("vault-snapshot", DOCUMENTED);
    let token = server.token(&["vault-snapshot"], json!({ "no_parent": true, "period": "768h" }));
    let life = |token: &str| server.read_as(token, "auth/token/lookup-self")["data"].take();
    assert_eq!(life(&token)["last_renewal"], Value::Null);
    kit.backup(&kit.target(&server.address(), &token)).await.unwrap();
    assert_ne!(life(&token)["last_renewal"], Value::Null);
}

#[tokio::test]
async fn expired_revoked_missing_and_unentitled_tokens_are_told_apart() {
    let server = Vault::ready();
    let kit = Kit::new();
    server.policy("vault-snapshot", DOCUMENTED);
    let expired = server.token(&["vault-snapshot"], json!({ "ttl": "1s" }));
    let revoked = server.token(&["vault-snapshot"], json!({}));
    server.write("auth/token/revoke", &json!({ "token": revoked }));
    let entitled = server.token(&["default"], json!({}));
    let life = || server.request_as(&expired, "GET", "auth/token/lookup-self", &Value::Null);
    until("the end of the token", || life().0 == 403).await;
    let invalid = (ErrorKind::SourceFailed, "-orphan");
    let cases = [
        (expired.as_str(), invalid),
        (&revoked, invalid),
        ("hvs.never-was", invalid),
        (&entitled, (ErrorKind::SourceFailed, SNAPSHOT_POLICY)),
        ("", (ErrorKind::Config, "VAULT_TOKEN")),
    ];
    for (token, (kind, hint)) in cases {
        let failed = kit.backup(&kit.target(&server.address(), token)).await.unwrap_err();
        assert_eq!(failed.kind(), kind, "{failed:?}");
        assert!(failed.hints()[0].contains(hint), "{failed:?} {:?}", failed.hints());
    }
    assert!(!kit.stored_something());
}

#[tokio::test]
async fn a_token_that_cannot_even_look_itself_up_still_backs_up() {
    let server = Vault::ready();
    let kit = Kit::new();
    server.policy("vault-snapshot", DOCUMENTED);
    let bare = server.token(&["vault-snapshot"], json!({ "no_default_policy": true }));
    let report = kit.backup(&kit.target(&server.address(), &bare)).await.unwrap();
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert!(report.findings[0].message.contains("not renewed"));
}

#[tokio::test]
async fn a_batch_token_backs_up_and_cannot_restore() {
    let server = Vault::ready();
    let kit = Kit::new();
    server.policy("vault-snapshot", DOCUMENTED);
    server.policy("vault-restore", RESTORE_POLICY);
    let batch = server.token(
        &["vault-snapshot", "vault-restore"],
        json!({ "type": "batch", "ttl": "1h" }),
    );
    let target = kit.target(&server.address(), &batch);
    let manifest = kit.backup(&target).await.unwrap().manifest;
    let failed = kit
        .restore(&manifest, &target, &confirmed(&server, true))
        .await
        .unwrap_err();
    assert!(
        failed.hints().iter().any(|hint| hint.contains("service token")),
        "{failed:?}"
    );
}

#[tokio::test]
async fn the_policy_for_restores_suffices_with_force() {
    let (source, fresh) = (Vault::ready(), Vault::ready());
    let kit = Kit::new();
    let manifest = kit.backup(&kit.root(&source)).await.unwrap().manifest;
    fresh.policy("vault-snapshot", DOCUMENTED);
    fresh.policy("vault-restore", RESTORE_POLICY);
    let request = confirmed(&fresh, true);
    let reader = fresh.token(&["vault-snapshot"], json!({}));
    let refused = kit
        .restore(&manifest, &kit.target(&fresh.address(), &reader), &request)
        .await
        .unwrap_err();
    assert!(refused.hints()[0].contains(RESTORE_POLICY), "{refused:?}");
    let token = fresh.token(&["vault-restore"], json!({}));
    let restored = kit
        .restore(&manifest, &kit.target(&fresh.address(), &token), &request)
        .await
        .unwrap();
    assert_eq!(restored.state, RestoredState::Sealed);
}

//! Tokens and policies: what suffices, and what is said of those that do not.

use crate::fixture::{Kit, confirmed};
use backup_core::{ErrorKind, event::Severity, target::BackupTarget};
use backup_tests::Vault;
use backup_vault::{
    LoginChoice, Secret,
    client::{RESTORE_POLICY, RestoredState, SNAPSHOT_POLICY},
};
use serde_json::{Value, json};

/// A signed claim as a pod has one, and the public key to check it with: JSON web tokens are what Kubernetes signs too.
fn claim() -> (String, String) {
    use aws_lc_rs::{
        encoding::AsDer,
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
    };
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let public = pair.public_key().as_der().unwrap();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64(public.as_ref())
    );
    let url = |bytes: &[u8]| base64(bytes).replace('+', "-").replace('/', "_").replace('=', "");
    let body = json!({ "sub": "backup", "aud": "vault", "exp": 4_000_000_000_u64, "iat": 1_700_000_000 });
    let text = format!("{}.{}", url(br#"{"alg":"ES256"}"#), url(body.to_string().as_bytes()));
    let signature = pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
    (format!("{text}.{}", url(signature.as_ref())), pem)
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |piece: &[u8]| {
        let number = piece.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) << (8 * (3 - piece.len()));
        let letter = |n: usize| match n <= piece.len() {
            true => char::from(LETTERS[number >> (18 - 6 * n) & 63]),
            false => '=',
        };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(encode).collect()
}

/// The method of Kubernetes itself wants a Kubernetes to ask; that of its tokens is the same to us.
#[tokio::test]
async fn a_pod_logs_in_with_its_claim_and_leaves_no_token_behind() {
    let server = Vault::ready();
    let kit = Kit::new();
    let (claim, key) = claim();
    server.policy("vault-snapshot", SNAPSHOT_POLICY);
    server.write("sys/auth/jwt", &json!({ "type": "jwt" }));
    server.write("auth/jwt/config", &json!({ "jwt_validation_pubkeys": [key] }));
    for (role, kind) in [("service", "service"), ("batch", "batch")] {
        let role_of = json!({ "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_type": kind,
            "token_policies": ["vault-snapshot"], "token_ttl": "15m" });
        server.write(&format!("auth/jwt/role/{role}"), &role_of);
        let mut target = kit.target(&server.address(), "");
        target.login = LoginChoice::Kubernetes {
            mount: "jwt".into(),
            role: role.into(),
            jwt: Secret::new(claim.clone()),
        };
        let report = kit.backup(&target).await.unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        let findings = target.check(&kit.cx).await.unwrap();
        assert!(
            findings.iter().all(|finding| finding.severity == Severity::Note),
            "{findings:?}"
        );
    }
    let left = server.request("LIST", "auth/token/accessors", &Value::Null).1;
    assert_eq!(
        left["data"]["keys"].as_array().unwrap().len(),
        1,
        "only the root token: {left}"
    );

    let mut target = kit.target(&server.address(), "");
    target.login = LoginChoice::Kubernetes {
        mount: "jwt".into(),
        role: "other".into(),
        jwt: Secret::new(claim),
    };
    let refused = kit.backup(&target).await.unwrap_err();
    assert!(refused.chain().contains("the login was refused"), "{refused:?}");
}

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
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
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

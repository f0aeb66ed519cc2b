//! The login of a pod, by Vault's method for it and an API server that it asks.

use crate::fixture::Kit;
use backup_core::{ErrorKind, event::Severity, target::BackupTarget};
use backup_tests::{Kubernetes, Vault};
use backup_vault::{LoginChoice, Secret, VaultRaft, client::SNAPSHOT_POLICY};
use serde_json::{Value, json};

/// A Vault that asks `kubernetes`, with the role `role` for the account that `backup-vault policy` names.
fn server(kubernetes: &Kubernetes, kind: &str) -> Vault {
    let server = Vault::ready();
    server.policy("vault-snapshot", SNAPSHOT_POLICY);
    server.write("sys/auth/kubernetes", &json!({ "type": "kubernetes" }));
    let config = json!({ "kubernetes_host": kubernetes.address(), "token_reviewer_jwt": kubernetes.reviewer(), "disable_local_ca_jwt": true });
    server.write("auth/kubernetes/config", &config);
    let role = json!({ "bound_service_account_names": "backup-vault", "bound_service_account_namespaces": "platform-infra", "audience": "vault",
        "token_policies": "vault-snapshot", "token_type": kind, "token_ttl": "15m" });
    server.write("auth/kubernetes/role/vault-snapshot", &role);
    server
}

fn target(kit: &Kit, server: &Vault, role: &str, claim: &str) -> VaultRaft {
    let mut target = kit.target(&server.address(), "");
    target.login = LoginChoice::Kubernetes {
        mount: "kubernetes".into(),
        role: role.into(),
        jwt: Secret::new(claim),
    };
    target
}

/// How many tokens there are, that of root among them.
fn tokens(server: &Vault) -> usize {
    let left = server.request("LIST", "auth/token/accessors", &Value::Null).1;
    left["data"]["keys"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_pod_logs_in_with_its_service_account_and_leaves_no_token_behind() {
    let kubernetes = Kubernetes::start();
    let pod = kubernetes.pod("platform-infra", "backup-vault");
    for kind in ["service", "batch"] {
        let (kit, server) = (Kit::new(), server(&kubernetes, kind));
        let reviews = kubernetes.reviews();
        let target = target(&kit, &server, "vault-snapshot", &pod);
        let report = kit.backup(&target).await.unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        let findings = target.check(&kit.cx).await.unwrap();
        assert!(
            findings.iter().all(|finding| finding.severity == Severity::Note),
            "{findings:?}"
        );
        assert!(kubernetes.reviews() > reviews, "Vault asked Kubernetes");
        assert_eq!(tokens(&server), 1, "only the root token");
    }
}

#[tokio::test]
async fn who_may_not_log_in_is_told_why_and_what_to_look_at() {
    let kubernetes = Kubernetes::start();
    let server = server(&kubernetes, "service");
    let kit = Kit::new();
    let gone = kubernetes.pod("platform-infra", "backup-vault");
    kubernetes.delete_pod(&gone);
    let pod = |namespace, account| kubernetes.pod(namespace, account);
    let cases = [
        (
            "vault-snapshot",
            pod("platform-infra", "default"),
            "service account name not authorized",
        ),
        (
            "vault-snapshot",
            pod("other", "backup-vault"),
            "namespace not authorized",
        ),
        ("vault-snapshot", gone, "permission denied"),
        ("vault-snapshot", "no claim at all".into(), "permission denied"),
        ("none", pod("platform-infra", "backup-vault"), "invalid role name"),
    ];
    for (role, claim, said) in cases {
        let refused = kit.backup(&target(&kit, &server, role, &claim)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::SourceFailed);
        let (chain, hints) = (refused.chain(), refused.hints().concat());
        assert!(
            chain.contains(&format!("log in as {role}")) && chain.contains(said),
            "{chain}"
        );
        for what in ["vault read auth/kubernetes/role/", "bound service accounts", "reviews"] {
            assert!(hints.contains(what), "{hints}");
        }
        assert!(!chain.contains(&claim) && !hints.contains(&claim));
    }
    assert_eq!((kit.stored_something(), tokens(&server)), (false, 1));
}

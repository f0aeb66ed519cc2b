//! Without any token: the pod's service account, by Vault's own method for it.

use crate::bed::Bed;
use backup_tests::{Kubernetes, Vault};
use serde_json::{Value, json};

const ROLE: [&str; 4] = ["--auth", "kubernetes", "--role", "vault-snapshot"];

/// What `backup-vault policy` says is to be set up, but for service tokens, which are to be revoked.
fn set_up(vault: &Vault, kubernetes: &Kubernetes) {
    vault.policy(
        "vault-snapshot",
        r#"path "sys/storage/raft/snapshot" { capabilities = ["read"] }"#,
    );
    vault.write("sys/auth/kubernetes", &json!({ "type": "kubernetes" }));
    let config = json!({ "kubernetes_host": kubernetes.address(), "token_reviewer_jwt": kubernetes.reviewer(), "disable_local_ca_jwt": true });
    vault.write("auth/kubernetes/config", &config);
    let role = json!({ "bound_service_account_names": "backup-vault", "bound_service_account_namespaces": "platform-infra",
        "token_policies": "vault-snapshot", "token_ttl": "15m" });
    vault.write("auth/kubernetes/role/vault-snapshot", &role);
}

#[test]
fn a_pod_backs_up_with_the_token_file_of_its_service_account_and_another_one_is_told_what_to_check() {
    let (vault, kubernetes) = (Vault::ready(), Kubernetes::start());
    set_up(&vault, &kubernetes);
    let mut bed = Bed::new();
    bed.set("VAULT_ADDR", &vault.address());
    let own = bed.write("own.jwt", kubernetes.pod("platform-infra", "backup-vault").as_bytes());
    let other = kubernetes.pod("platform-infra", "default");
    let others = bed.write("other.jwt", other.as_bytes());

    let refused = bed
        .run(&[&ROLE[..], &["--jwt-file", &others]].concat())
        .ends_with(6)
        .says(&["service account name not authorized", "HINT: check the role"]);
    assert!(!refused.stderr.contains(&other) && bed.data().is_empty());

    let output = bed.run(&[&ROLE[..], &["--jwt-file", &own]].concat()).succeeds();
    assert!(output.stdout.contains("Vault snapshot saved: "), "{}", output.stdout);
    assert_eq!((bed.data().len(), kubernetes.reviews()), (1, 1));
    let left = vault.request("LIST", "auth/token/accessors", &Value::Null).1;
    assert_eq!(
        left["data"]["keys"].as_array().unwrap().len(),
        1,
        "only the root token: {left}"
    );
}

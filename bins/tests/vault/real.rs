//! The documented job as a whole, from a real Vault to a real S3 server and onto a fresh Vault.

use crate::bed::{Bed, Output};
use backup_tests::{FaultProxy, Minio, Vault};
use serde_json::{Value, json};

const POLICY: &str = r#"path "sys/storage/raft/snapshot" { capabilities = ["read"] }"#;
const SECRETS: [&str; 3] = ["jwt-signing-key", "oidc-client", "db-kernel"];

/// A Vault with what the platform keeps there, and a program with the documented token and an S3 store.
fn platform(vault: &Vault, bucket: &str) -> Bed {
    vault.write(
        "sys/mounts/secret",
        &json!({ "type": "kv", "options": { "version": "2" } }),
    );
    for name in SECRETS {
        let data = json!({ "data": { "value": name.repeat(50) } });
        vault.write(&format!("secret/data/platform/iam/{name}"), &data);
    }
    vault.policy("vault-snapshot", POLICY);
    let token = vault.token(&["vault-snapshot"], json!({ "ttl": "0" }));
    let mut bed = Bed::new();
    bed.store_in_minio(bucket, &Minio::shared().endpoint());
    bed.set("VAULT_ADDR", &vault.address());
    bed.set("VAULT_TOKEN", &token);
    bed.set("BACKUP_DEADLINE", "30s");
    bed
}

fn secrets(vault: &Vault, token: &str) -> Vec<Value> {
    let read = |name: &str| vault.read_as(token, &format!("secret/data/platform/iam/{name}"))["data"].clone();
    SECRETS.map(read).to_vec()
}

/// The name that a refusal tells.
fn told(refusal: &Output) -> String {
    let (_, name) = refusal.stderr.split_once("HINT: --confirm ").unwrap();
    name.trim().to_owned()
}

#[test]
fn a_backup_of_a_real_vault_restores_onto_a_fresh_one_and_the_original_key_opens_it() {
    let vault = Vault::ready();
    let mut bed = platform(&vault, "vault-whole-job");
    let output = bed.run(&[]).succeeds();
    let last = output.stdout.lines().last().unwrap();
    let saved = last.strip_prefix("Vault snapshot saved: ").unwrap();
    let (id, length) = saved.split_once(".snap (").unwrap();
    let length: u64 = length.strip_suffix(" bytes)").unwrap().parse().unwrap();

    bed.run(&["list"]).succeeds().shows(&[id, "COMPLETE"]);
    bed.run(&["verify"]).succeeds().shows(&[id, "ok"]);
    let inspected = bed.run(&["inspect", "--json", id]).succeeds().json();
    assert_eq!(inspected["length"], length);
    assert!(
        inspected["keys"]["by_prefix"]["core/keyring"]["keys"] == 1,
        "{inspected}"
    );

    let fresh = Vault::ready();
    bed.set("VAULT_ADDR", &fresh.address());
    bed.set("VAULT_TOKEN", fresh.root_token());
    let refused = bed.run(&["restore", "--force"]).ends_with(11);
    let line = ["restore", "--force", "--confirm", &told(&refused)];
    bed.run(&line).succeeds().shows(&["SEALED", "ORIGINAL keys, 1 of 1"]);
    fresh.unseal(vault.keys());
    fresh.wait_until_active();
    assert_eq!(secrets(&fresh, vault.root_token()), secrets(&vault, vault.root_token()));
}

#[test]
fn the_same_cluster_goes_back_without_force_and_its_secrets_are_listed() {
    let vault = Vault::ready();
    let mut bed = platform(&vault, "vault-same-cluster");
    let before = secrets(&vault, vault.root_token());
    bed.run(&[]).succeeds();
    vault.write(
        "secret/data/platform/iam/oidc-client",
        &json!({ "data": { "value": "broken" } }),
    );
    bed.set("VAULT_TOKEN", vault.root_token());
    let name = told(&bed.run(&["restore"]).ends_with(11));
    let line = ["restore", "--confirm", &name, "--verify-path", "secret/platform/iam/"];
    bed.run(&line).succeeds().shows(&[
        "is in force",
        "secret/platform/iam/: db-kernel, jwt-signing-key, oidc-client",
    ]);
    assert_eq!(secrets(&vault, vault.root_token()), before);
}

/// A budget of 80 MiB gives half to the snapshot, and leaves parts of 5 MiB; all of it for the parts would make them 10 MiB, and this one a single one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_waiting_snapshot_may_hold_is_taken_from_the_one_memory_budget() {
    let proxy = FaultProxy::start(Minio::shared().port()).await;
    let vault = Vault::ready();
    let mut bed = platform(&vault, "vault-budget");
    for number in 0..8 {
        let data = json!({ "data": { "value": "x".repeat(900_000) } });
        vault.write(&format!("secret/data/large/{number}"), &data);
    }
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    bed.run(&["--memory", "80MiB"]).succeeds();
    let parts = proxy.log().iter().filter(|asked| asked.contains("partNumber=")).count();
    assert_eq!(parts, 2, "{:?}", proxy.log());
}

//! Everything that a Vault holds, on another one.

use crate::fixture::{Kit, confirmed, facts};
use backup_core::{
    catalog::Depth,
    event::{Event, EventSink},
    run::verify,
};
use backup_tests::Vault;
use backup_vault::{RestoreRequest, SnapshotDetails, client::RestoredState};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const SECRETS: usize = 64;

/// A text of 48 KiB that does not compress well.
fn large(seed: u64) -> String {
    let mut state = seed + 1;
    let word = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!("{:016x}", state ^ (state >> 29))
    };
    (0..3072).map(word).collect()
}

/// Both versions of KV, policies, users, a transit key: some 3 MB.
fn fill(server: &Vault) -> String {
    server.write(
        "sys/mounts/secret",
        &json!({ "type": "kv", "options": { "version": "2" } }),
    );
    server.write(
        "sys/mounts/old",
        &json!({ "type": "kv", "options": { "version": "1" }, "description": "ü" }),
    );
    server.write("sys/mounts/transit", &json!({ "type": "transit" }));
    server.write("sys/auth/userpass", &json!({ "type": "userpass" }));
    server.policy(
        "iam",
        r#"path "secret/data/platform/iam/*" { capabilities = ["read"] }"#,
    );
    server.policy("ops", r#"path "sys/*" { capabilities = ["read", "list"] }"#);
    server.write(
        "auth/userpass/users/anna",
        &json!({ "password": "correct horse", "token_policies": ["iam"] }),
    );
    server.write("transit/keys/app", &json!({}));
    for n in 0..SECRETS {
        let data = json!({ "data": { "n": n, "text": large(n as u64) } });
        server.write(&format!("secret/data/platform/iam/s{n:02}"), &data);
    }
    server.write(
        "secret/data/platform/iam/s00",
        &json!({ "data": { "n": "second version" } }),
    );
    server.write("old/a/b", &json!({ "value": "v1" }));
    let sealed = server.write("transit/encrypt/app", &json!({ "plaintext": "aGVsbG8=" }));
    sealed["data"]["ciphertext"].as_str().unwrap().to_owned()
}

/// All that was put in, as `token` reads it. What a server says anew with each answer is left out.
fn everything(server: &Vault, token: &str, ciphertext: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut read = |path: &str| found.insert(path.to_owned(), server.read_as(token, path)["data"].take());
    for path in [
        "sys/mounts",
        "sys/auth",
        "sys/policies/acl/iam",
        "sys/policies/acl/ops",
        "old/a/b",
        "transit/keys/app",
    ] {
        read(path);
    }
    for path in [
        "sys/policies/acl?list=true",
        "secret/metadata/platform/iam/?list=true",
        "auth/userpass/users?list=true",
    ] {
        read(path);
    }
    for n in 0..SECRETS {
        read(&format!("secret/data/platform/iam/s{n:02}"));
    }
    read("secret/data/platform/iam/s00?version=1");
    read("secret/metadata/platform/iam/s00");
    let opened = server.request_as(
        token,
        "POST",
        "transit/decrypt/app",
        &json!({ "ciphertext": ciphertext }),
    );
    found.insert("decrypted".into(), opened.1["data"]["plaintext"].clone());
    let login = json!({ "password": "correct horse" });
    let login = server.request_as("", "POST", "auth/userpass/login/anna", &login);
    found.insert("login".into(), login.1["auth"]["policies"].clone());
    found
}

#[tokio::test]
async fn everything_comes_back_on_a_fresh_server_and_opens_with_the_original_keys() {
    let (source, mut fresh) = (Vault::ready_with(3, 2), Vault::ready());
    let ciphertext = fill(&source);
    let before = everything(&source, source.root_token(), &ciphertext);
    assert_eq!(before["decrypted"], "aGVsbG8=");
    let kit = Kit::new();
    let report = kit.backup(&kit.root(&source)).await.unwrap();
    assert!(report.manifest.artifacts[0].plain_length > 2 << 20);
    assert!(
        verify(&kit.cx, &kit.root(&source), &report.manifest, Depth::Content)
            .await
            .is_good()
    );
    let details = SnapshotDetails::of(&report.manifest.artifacts[0]).unwrap();
    assert_eq!((details.seal.threshold, details.seal.shares), (2, 3));

    let request = RestoreRequest {
        verify_path: Some("secret/platform/iam/".into()),
        ..confirmed(&fresh, true)
    };
    let target = kit.root(&fresh);
    let facts = facts(kit.stored(&report.manifest).await).await;
    let looked = target.preflight(&kit.cx, &facts, &request).await.unwrap();
    let restored = kit.restore(&report.manifest, &target, &request).await.unwrap();
    assert_eq!(restored.state, RestoredState::Sealed);
    // The restart was foretold, and is said once.
    assert!(looked.restart_first, "{looked:?}");
    assert_eq!(
        (looked.findings.len(), &restored.findings[..1]),
        (1, &looked.findings[..])
    );
    // Nobody unsealed it, so that what was to be listed was not.
    let secrets = &restored.findings[1];
    assert!(
        secrets.subject == "secrets" && restored.unseen(&request),
        "{restored:?}"
    );
    assert!(restored.next_steps[0].contains("2 of 3"), "{:?}", restored.next_steps);
    assert_eq!(fresh.health(), Some(503));
    // It goes on counting the one key of its own, and takes no other.
    assert!(
        restored.restart_first && restored.next_steps[0].starts_with("restart it"),
        "{restored:?}"
    );
    let key = json!({ "key": source.keys()[1] });
    assert_eq!(fresh.request_as("", "PUT", "sys/unseal", &key).0, 400);
    fresh.stop();
    fresh.start_again();
    assert_eq!(fresh.read_as("", "sys/seal-status")["n"], 3);
    fresh.unseal(&source.keys()[1..]);
    fresh.wait_until_active();
    let after = everything(&fresh, source.root_token(), &ciphertext);
    for (path, value) in &before {
        assert_eq!(after[path], *value, "{path}");
    }
    let health = fresh.read_as("", "sys/health");
    assert_eq!(health["cluster_id"], details.cluster_id.as_str());
}

/// Passes on that the operator was asked to unseal the server.
#[derive(Debug)]
struct Asked(std::sync::mpsc::Sender<()>);

impl EventSink for Asked {
    fn emit(&self, event: Event) {
        if matches!(&event, Event::Step(step) if step.starts_with("sealed: restart it")) {
            self.0.send(()).unwrap();
        }
    }
}

#[tokio::test]
async fn somebody_who_restarts_and_unseals_it_in_time_is_waited_for_and_nothing_is_left_to_say_of_its_seal() {
    let (source, mut fresh) = (Vault::ready_with(3, 2), Vault::ready());
    source.write(
        "sys/mounts/secret",
        &json!({ "type": "kv", "options": { "version": "2" } }),
    );
    source.write("secret/data/platform/iam/db", &json!({ "data": { "a": 1 } }));
    let mut kit = Kit::new();
    let manifest = kit.backup(&kit.root(&source)).await.unwrap().manifest;
    let request = RestoreRequest {
        wait_unsealed: Some(Duration::from_secs(60)),
        verify_path: Some("secret/platform/iam/".into()),
        ..confirmed(&fresh, true)
    };
    let target = kit.root(&fresh);
    let (asked, was_asked) = std::sync::mpsc::channel();
    kit.cx.events = Arc::new(Asked(asked));
    let keys = source.keys()[1..].to_vec();
    let human = std::thread::spawn(move || {
        was_asked.recv().unwrap();
        fresh.stop();
        fresh.start_again();
        fresh.unseal(&keys);
        fresh
    });
    let restored = kit.restore(&manifest, &target, &request).await.unwrap();
    human.join().unwrap();
    assert_eq!(
        (restored.state, restored.restart_first),
        (RestoredState::InForce, false)
    );
    assert_eq!(restored.is_cluster(&manifest.lineage), Some(true));
    // The root token of the fresh server went with its old state.
    assert_eq!(restored.listing, None);
    let findings = &restored.findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].message.contains("expired or revoked"), "{findings:?}");
    let phases: Vec<_> = restored.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(phases, ["check", "send", "switch", "unseal", "list"]);
}

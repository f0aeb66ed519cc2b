//! Whole runs: what is stored, what the manifest says, what is found.

use super::kit::{CLUSTER, HEALTHY, Kit, healthy, ring, subjects};
use crate::{
    LoginChoice, Secret, SnapshotDetails, VaultRaft,
    client::tests::fake::{CHUNKED, SNAPSHOT, Step, TOKEN, chunked, error, json, send},
    snapshot::{
        Limits, prove,
        tests::writer::{Packed, Snapshot, archive, gzip},
    },
    target::backup::SameSnapshot,
};
use backup_core::{
    ErrorKind,
    catalog::{Depth, Holder, Repository, repository::restore},
    hex,
    keys::{KeyKind, Keyring, fresh_key_file, generate},
    pipeline::Witness,
    run::verify,
    store::Key,
    testing::{FaultyStore, SeededEntropy},
};
use futures::{StreamExt, stream};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};

fn snapshot(index: u64, keys: usize) -> Vec<u8> {
    let mut snapshot = Snapshot::small(Packed::Deflated);
    let more = (0..keys).map(|n| (format!("sys/token/{n:04}").into_bytes(), vec![7; 20]));
    snapshot.entries.extend(more);
    let mut files = snapshot.files();
    let meta = String::from_utf8(files[0].1.clone())
        .unwrap()
        .replace("4711", &index.to_string());
    files[0].1 = meta.into_bytes();
    let line = |(name, bytes): &(&str, Vec<u8>)| format!("{}  {name}\n", hex::encode(&Sha256::digest(bytes)));
    files[2].1 = (line(&files[0]) + &line(&files[1])).into_bytes();
    gzip(&archive(&files, false), Packed::Deflated)
}

#[tokio::test]
async fn a_proven_snapshot_is_stored_under_its_documented_name_with_what_is_known_of_it() {
    let kit = Kit::new(|_| chunked(&snapshot(4711, 3))).await;
    let report = kit.backup().await.unwrap();
    let manifest = &report.manifest;
    assert_eq!(
        (manifest.target.as_str(), manifest.lineage.as_str()),
        ("vault.raft", CLUSTER)
    );
    let artifact = &manifest.artifacts[0];
    assert_eq!((artifact.name.as_str(), artifact.weight), ("snapshot", Some(10)));
    assert_eq!(artifact.content_type, "application/gzip");
    assert_eq!(artifact.plain_length, snapshot(4711, 3).len() as u64);
    assert_eq!(artifact.objects[0].key, format!("{}.snap.pbe", manifest.id));
    let details = SnapshotDetails::of(artifact).unwrap();
    assert_eq!((details.raft_index, details.raft_term, details.keys), (4711, 3, 10));
    assert_eq!(
        (details.seal.kind.as_str(), details.seal.shares, details.seal.threshold),
        ("awskms", 5, 3)
    );
    assert_eq!(
        (details.cluster_id.as_str(), details.cluster_name.as_str()),
        (CLUSTER, "vault-cluster-1")
    );
    assert_eq!((details.vault_version.as_str(), details.peers.len()), ("1.19.3", 2));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[tokio::test]
async fn no_digest_of_the_plain_bytes_and_no_token_stands_in_the_clear() {
    let kit = Kit::new(|_| chunked(&snapshot(4711, 3))).await;
    kit.backup().await.unwrap();
    let sum = hex::encode(&Sha256::digest(snapshot(4711, 3)));
    for key in kit.store.keys() {
        let bytes = kit.store.peek(&key).unwrap();
        for secret in [sum.as_str(), TOKEN] {
            assert!(
                !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
                "{key}"
            );
        }
    }
    assert!(!kit.log.text().contains(TOKEN) && !format!("{:?}", kit.target).contains(TOKEN));
}

#[tokio::test]
async fn a_stored_snapshot_verifies_and_a_changed_one_does_not() {
    let kit = Kit::new(|_| chunked(&snapshot(4711, 3))).await;
    let manifest = kit.backup().await.unwrap().manifest;
    assert!(verify(&kit.cx, &kit.target, &manifest, Depth::Content).await.is_good());

    let mut other = manifest.clone();
    other.artifacts[0].details["raft_index"] = 4712.into();
    let found = verify(&kit.cx, &kit.target, &other, Depth::Content).await;
    assert!(
        found.damage[0].what.contains("not the one that the manifest describes"),
        "{found:?}"
    );

    let key = Key::from(manifest.artifacts[0].objects[0].key.as_str());
    let mut bytes = kit.store.peek(&key).unwrap().to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    kit.store.plant(&key, bytes);
    let found = verify(&kit.cx, &kit.target, &manifest, Depth::Content).await;
    assert_eq!(found.damage.len(), 1);
}

#[tokio::test]
async fn an_index_that_went_back_and_keys_that_vanished_are_stored_and_said() {
    let kit = Kit::new(|n| chunked(&[snapshot(4711, 13), snapshot(4712, 13), snapshot(4000, 3)][n])).await;
    assert!(kit.backup().await.unwrap().findings.is_empty());
    assert!(kit.backup().await.unwrap().findings.is_empty());
    let report = kit.backup().await.unwrap();
    assert_eq!(subjects(&report.findings), ["raft index", "keys"]);
    assert_eq!(subjects(&report.manifest.findings), ["raft index", "keys"]);
    assert!(
        report.findings[1].message.starts_with("10 are left of 20"),
        "{:?}",
        report.findings
    );
}

#[tokio::test]
async fn the_first_backup_of_another_cluster_is_a_finding_and_the_second_is_none() {
    let kit = Kit::new(|_| chunked(&snapshot(4711, 43))).await;
    assert!(kit.backup().await.unwrap().findings.is_empty());
    let mut rebuilt = Kit::answering(|seen| match seen.path.as_str() {
        "/v1/sys/health" => json(200, &HEALTHY.replace(CLUSTER, "another-cluster")),
        SNAPSHOT => chunked(&snapshot(12, 3)),
        _ => healthy(seen).unwrap_or_default(),
    })
    .await;
    rebuilt.cx.store = kit.cx.store.clone();
    let report = rebuilt.backup().await.unwrap();
    assert_eq!(subjects(&report.findings), ["cluster"]);
    let message = &report.findings[0].message;
    assert!(message.contains("another-cluster, with 10 keys"), "{message}");
    assert!(message.contains(&format!("{CLUSTER} with 50 keys")), "{message}");
    assert!(rebuilt.backup().await.unwrap().findings.is_empty());
}

#[tokio::test]
async fn a_backup_that_nobody_vouches_for_is_not_compared_with_and_that_is_said() {
    let mut kit = Kit::new(|n| chunked(&snapshot(4711 + n as u64, 3))).await;
    kit.backup().await.unwrap();
    let entropy = SeededEntropy::new(99);
    let text = fresh_key_file(&entropy, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let mut other = Keyring::parse(text.expose(), "test").unwrap();
    let line = generate(KeyKind::Recovery, &entropy).unwrap();
    other.add_public(line.expose(), "test").unwrap();
    let repository = Repository::open(&kit.cx).await.unwrap().unwrap().id;
    kit.cx.keyring = Some(Arc::new(other));
    // The new keys vouch for the repository, and for no backup in it.
    restore(&kit.cx, &Holder::of_this_process(), Some(repository))
        .await
        .unwrap();
    let report = kit.backup().await.unwrap();
    assert_eq!(subjects(&report.findings), ["previous backup"]);
    assert!(
        report.findings[0].message.contains("no known key vouches"),
        "{report:?}"
    );
}

#[tokio::test]
async fn what_was_stored_is_read_once_and_must_be_what_was_sent() {
    let mut kit = Kit::new(|_| chunked(&snapshot(4711, 3))).await;
    let counted = FaultyStore::new(Arc::new(kit.store.clone()));
    kit.cx.store = Arc::new(counted.clone());
    kit.backup().await.unwrap();
    let read = |call: &&String| call.starts_with("get ") && call.ends_with(".snap.pbe");
    assert_eq!(counted.log().iter().filter(read).count(), 1);

    let sent = prove(&snapshot(4711, 3), 1 << 10, Limits::default()).unwrap();
    let witness = SameSnapshot(&sent);
    let stored = |bytes: Vec<u8>| stream::once(async { Ok(bytes.into()) }).boxed();
    witness.look(stored(snapshot(4711, 3))).await.unwrap();
    let error = witness.look(stored(snapshot(4712, 3))).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Damaged && error.to_string().contains("not what Vault sent"));
}

#[tokio::test]
async fn without_a_key_that_opens_the_stored_bytes_are_compared_and_that_is_said() {
    let mut kit = Kit::new(|_| chunked(&snapshot(4711, 3))).await;
    let line = generate(KeyKind::Recovery, &SeededEntropy::new(1)).unwrap();
    let mut ring = Keyring::default();
    ring.add_public(line.expose(), "test").unwrap();
    kit.cx.keyring = Some(Arc::new(ring));
    let report = kit.backup().await.unwrap();
    assert_eq!(subjects(&report.findings), ["read back"]);
    assert!(report.manifest.complete && kit.stored_something());
}

#[tokio::test]
async fn a_missing_recovery_key_is_a_finding() {
    let mut kit = Kit::new(|_| chunked(&snapshot(4711, 3))).await;
    kit.cx.keyring = Some(Arc::new(ring(false)));
    let report = kit.backup().await.unwrap();
    assert_eq!(subjects(&report.findings), ["keys"]);
    assert!(report.findings[0].message.contains("recovery key"));
}

#[tokio::test]
async fn the_token_is_renewed_before_the_snapshot_and_an_expired_one_ends_the_run() {
    let kit = Kit::new(|_| chunked(&snapshot(4711, 3))).await;
    kit.backup().await.unwrap();
    assert_eq!(kit.asked("/v1/auth/token/renew-self"), 1);

    let expired = Kit::answering(|seen| match seen.path.as_str() {
        "/v1/auth/token/lookup-self" => error(403, "permission denied\n\ninvalid token"),
        _ => healthy(seen).unwrap_or_else(|| chunked(&snapshot(4711, 3))),
    })
    .await;
    let failed = expired.backup().await.unwrap_err();
    assert!(failed.chain().contains("expired or revoked"), "{failed:?}");
    assert_eq!(expired.asked(SNAPSHOT), 0);

    let unseen = Kit::answering(|seen| match seen.path.as_str() {
        "/v1/auth/token/lookup-self" => error(403, "permission denied"),
        _ => healthy(seen).unwrap_or_else(|| chunked(&snapshot(4711, 3))),
    })
    .await;
    let report = unseen.backup().await.unwrap();
    assert_eq!(subjects(&report.findings), ["token"]);
}

const LOGIN: &str = r#"{"auth":{"client_token":"hvs.of-the-login","token_type":"service","lease_duration":900}}"#;

async fn with_login(login: &'static str, snapshot: Vec<u8>) -> Kit {
    let mut kit = Kit::answering(move |seen| match seen.path.as_str() {
        "/v1/auth/kubernetes/login" => json(200, login),
        "/v1/auth/token/revoke-self" => json(204, ""),
        SNAPSHOT => chunked(&snapshot),
        _ => healthy(seen).unwrap_or_else(|| json(404, r#"{"errors":[]}"#)),
    })
    .await;
    as_a_pod(&mut kit);
    kit
}

fn as_a_pod(kit: &mut Kit) {
    kit.target.settings.token = None;
    kit.target.login = LoginChoice::Kubernetes {
        mount: "kubernetes".into(),
        role: "backup".into(),
        jwt: Secret::new("signed"),
    };
}

#[tokio::test]
async fn the_token_of_a_login_is_revoked_at_the_end_whatever_the_end_is() {
    let good = with_login(LOGIN, snapshot(4711, 3)).await;
    assert!(good.backup().await.unwrap().findings.is_empty());
    let cut = with_login(LOGIN, snapshot(4711, 3)[..500].to_vec()).await;
    assert_eq!(cut.backup().await.unwrap_err().kind(), ErrorKind::SourceFailed);
    for kit in [good, cut] {
        let last = kit.server.seen().pop().unwrap();
        assert_eq!(last.path, "/v1/auth/token/revoke-self");
        assert_eq!(last.header("x-vault-token"), Some("hvs.of-the-login"));
    }
    let batch = r#"{"auth":{"client_token":"hvb.batch","token_type":"batch","lease_duration":900}}"#;
    let batch = with_login(batch, snapshot(4711, 3)).await;
    batch.backup().await.unwrap();
    assert_eq!(batch.asked("/v1/auth/token/revoke-self"), 0);
}

#[tokio::test]
async fn a_run_that_is_stopped_does_not_wait_for_a_revocation_that_does_not_come() {
    let mut kit = Kit::answering(|seen| match seen.path.as_str() {
        "/v1/auth/kubernetes/login" => json(200, LOGIN),
        "/v1/auth/token/revoke-self" => vec![Step::Hang],
        SNAPSHOT => vec![send(CHUNKED), Step::Hang],
        _ => healthy(seen).unwrap_or_default(),
    })
    .await;
    as_a_pod(&mut kit);
    kit.target.settings.idle_timeout = Duration::from_secs(24 * 3600);
    let stop = async {
        while kit.asked(SNAPSHOT) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        kit.cx.cancel.cancel();
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(kit.backup(), stop).0 });
    let stopped = ended.await.expect("it does not wait for a day").unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Cancelled);
    assert!(kit.log.text().contains("could not be revoked"), "{}", kit.log.text());
}

#[tokio::test]
async fn a_server_that_cannot_be_backed_up_says_why_before_anything_is_written() {
    let health = |json: &'static str| ("/v1/sys/health", json);
    let cases = [
        (
            health(r#"{"initialized":false,"sealed":true,"standby":true,"version":"1.19.3"}"#),
            "not initialised",
        ),
        (
            health(r#"{"initialized":true,"sealed":true,"standby":true,"version":"1.19.3"}"#),
            "sealed",
        ),
        (
            health(
                r#"{"initialized":true,"sealed":false,"standby":true,"version":"1.19.3","removed_from_cluster":true}"#,
            ),
            "removed from its cluster",
        ),
        (
            (
                "/v1/sys/seal-status",
                r#"{"type":"shamir","initialized":true,"sealed":false,"t":1,"n":1,"version":"1.19.3","storage_type":"consul"}"#,
            ),
            "not Raft",
        ),
        (
            (
                "/v1/sys/leader",
                r#"{"ha_enabled":true,"is_self":false,"leader_address":""}"#,
            ),
            "no active leader",
        ),
    ];
    for ((path, answer), why) in cases {
        let mut kit = Kit::answering(move |seen| match seen.path == path {
            true => json(200, answer),
            false => healthy(seen).unwrap_or_default(),
        })
        .await;
        kit.target.deadline = Duration::from_secs(1);
        let failed = kit.backup().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::SourceFailed);
        assert!(failed.chain().contains(why), "{failed:?}");
        assert!(kit.store.keys().is_empty());
    }
    assert_eq!((VaultRaft::NAME, VaultRaft::COMPONENT), ("vault.raft", "vault"));
}

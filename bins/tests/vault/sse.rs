//! `--sse`: the store encrypts, and the object is what the server sent.

use crate::{
    bed::{Bed, golden},
    fake::{CLUSTER, FakeVault},
};
use backup_core::store::{Key, ServerEncryption};
use backup_tests::Minio;
use futures::TryStreamExt;

/// A program without a key, and a bucket of its own.
fn without_key(bucket: &str) -> (FakeVault, Bed) {
    let vault = FakeVault::with(golden());
    let mut bed = Bed::on(&vault);
    bed.store_in_minio(bucket, &Minio::shared().endpoint());
    bed.unset("BACKUP_KEY_FILE");
    (vault, bed)
}

#[tokio::test]
async fn with_sse_kms_no_key_is_needed_and_the_object_is_what_the_server_sent() {
    let (_vault, bed) = without_key("vault-sse-kms");
    let output = bed.run(&["--sse", "aws:kms"]).succeeds();
    let last = output.stdout.lines().last().unwrap();
    let saved = last.strip_prefix("Vault snapshot saved: ").unwrap();
    let key = saved.strip_suffix(" (1707 bytes)").unwrap();

    let keys = bed.keys().await;
    let data: Vec<_> = keys.iter().filter(|key| !key.starts_with("_pbe/")).collect();
    assert_eq!(data, [key], "{keys:?}");
    let bucket = bed.bucket();
    for key in &keys {
        let encryption = bucket.head(&Key::from(key.as_str())).await.unwrap().unwrap().encryption;
        assert!(
            matches!(encryption, Some(ServerEncryption::Kms(_))),
            "{key}: {encryption:?}"
        );
    }
    let download = bucket.get(&Key::from(key), None, None).await.unwrap().unwrap();
    let pieces: Vec<_> = download.body.try_collect().await.unwrap();
    assert!(pieces.concat() == golden());
}

#[test]
fn what_the_store_alone_encrypts_is_verified_inspected_and_restored_without_a_key() {
    let (vault, bed) = without_key("vault-sse-keyless");
    let sse = ["--sse", "aws:kms"];
    let json = bed.run(&[&sse[..], &["--json"]].concat()).succeeds().json();
    let id = json["id"].as_str().unwrap();
    bed.run(&["list"]).succeeds().shows(&[id, "COMPLETE", "sse-kms"]);
    bed.run(&[&["verify"], &sse[..]].concat()).succeeds().shows(&[id, "ok"]);
    bed.run(&["inspect", id]).succeeds().shows(&["Index     205", "TOTAL"]);
    bed.run(&["restore", "--confirm", CLUSTER])
        .succeeds()
        .shows(&[&format!("from backup {id}: 202 keys, raft index 205")]);
    assert_eq!(vault.state().restored, Some(golden()));
}

//! The store conformance suite, and what breaks on the wire, on real MinIO and real SeaweedFS.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use backup_core::{
    clock::SystemEntropy,
    store::{
        Features, Key, ListDepth, ListEntry, PutMode, Retry, ServerEncryption, Store, StoreConfig, StoreErrorKind,
        UnfinishedUpload, connect, probe,
    },
    testing::{Expectations, store_suite},
};
use backup_tests::{Action, FaultProxy, Minio, Rule, Weed};
use bytes::Bytes;
use futures::TryStreamExt;
use std::{sync::Arc, time::Duration};

const BOTH: Features = Features {
    conditional_create: true,
    conditional_match: true,
};

fn config(endpoint: &str, bucket: &str, (id, secret): (&str, &str)) -> StoreConfig {
    StoreConfig::new(format!("s3://{bucket}/some/root"))
        .option("aws_endpoint_url", endpoint)
        .option("aws_access_key_id", id)
        .option("aws_secret_access_key", secret)
}

fn open(config: &StoreConfig) -> Arc<dyn Store> {
    connect(config, Arc::new(SystemEntropy)).unwrap()
}

fn minio(bucket: &str) -> StoreConfig {
    let server = Minio::shared();
    server.create_bucket(bucket);
    config(&server.endpoint(), bucket, (Minio::ACCESS_KEY, Minio::SECRET_KEY))
}

fn weed(bucket: &str) -> StoreConfig {
    let server = Weed::shared();
    server.create_bucket(bucket);
    config(&server.endpoint(), bucket, (Weed::ACCESS_KEY, Weed::SECRET_KEY))
}

/// A store on MinIO through a proxy that breaks things.
async fn broken_minio(bucket: &str) -> (FaultProxy, Arc<dyn Store>) {
    Minio::shared().create_bucket(bucket);
    let proxy = FaultProxy::start(Minio::shared().port()).await;
    let config = config(&proxy.endpoint(), bucket, (Minio::ACCESS_KEY, Minio::SECRET_KEY));
    (proxy, open(&config))
}

async fn read(store: &dyn Store, key: &Key) -> Vec<u8> {
    let download = store.get(key, None, None).await.unwrap().unwrap();
    download.body.try_collect::<Vec<_>>().await.unwrap().concat()
}

async fn list(store: &dyn Store) -> Vec<ListEntry> {
    store.list(&Key::root(), ListDepth::Flat).try_collect().await.unwrap()
}

#[tokio::test]
async fn minio_keeps_every_promise_of_a_store() {
    let expected = Expectations {
        features: BOTH,
        ..Expectations::default()
    };
    let store = open(&minio("suite"));
    assert_eq!(probe(&*store, &SystemEntropy).await.unwrap(), BOTH);
    store_suite(store, &expected).await;
}

#[tokio::test]
async fn minio_confirms_every_encryption_that_is_asked_for() {
    for (bucket, asked) in [
        ("sse-s3", ServerEncryption::S3),
        ("sse-kms", ServerEncryption::Kms(None)),
        ("sse-kms-key", ServerEncryption::Kms(Some(Minio::KMS_KEY.into()))),
    ] {
        let mut config = minio(bucket);
        config.encryption = Some(asked.clone());
        let expected = Expectations {
            features: BOTH,
            encryption: Some(asked),
            ..Expectations::default()
        };
        store_suite(open(&config), &expected).await;
    }
}

#[tokio::test]
async fn a_long_object_is_copied_part_by_part_and_a_missing_one_not_at_all() {
    for mut config in [minio("long-copies"), weed("long-copies")] {
        config.copy_part = 5 << 20;
        let store = open(&config);
        let [from, to] = ["a folder/lång+ (1)%", "copy"].map(Key::from);
        assert!(store.copy(&from, &to).await.unwrap().is_none());
        let content: Vec<u8> = (0..11_u32 << 20).map(|i| (i / 1000) as u8).collect();
        store
            .put(&from, content.clone().into(), PutMode::Overwrite)
            .await
            .unwrap();
        assert!(store.copy(&from, &to).await.unwrap().is_some());
        assert!(read(&*store, &to).await == content);
        let left: Vec<_> = store.uploads(&to).try_collect().await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn a_copy_that_fails_half_way_leaves_no_upload_and_a_copy_by_parts_is_encrypted() {
    let mut config = minio("cut-copies");
    config.copy_part = 5 << 20;
    config.encryption = Some(ServerEncryption::Kms(None));
    let store = open(&config);
    let [from, to] = ["from", "to"].map(Key::from);
    let content = Bytes::from(vec![7; 11 << 20]);
    store.put(&from, content, PutMode::Overwrite).await.unwrap();
    let receipt = store.copy(&from, &to).await.unwrap().unwrap();
    assert!(matches!(receipt.encryption, Some(ServerEncryption::Kms(_))));
    // Parts that are too small are found out when the copy is completed.
    config.copy_part = 1 << 20;
    assert!(open(&config).copy(&from, &Key::from("never")).await.is_err());
    assert!(store.head(&Key::from("never")).await.unwrap().is_none());
    let left: Vec<_> = store.uploads(&Key::from("never")).try_collect().await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn seaweedfs_keeps_every_promise_of_a_store() {
    let store = open(&weed("suite"));
    assert_eq!(probe(&*store, &SystemEntropy).await.unwrap(), Features::default());
    let expected = Expectations {
        uploads_by_prefix: true,
        ..Expectations::default()
    };
    store_suite(store, &expected).await;
}

#[tokio::test]
async fn a_store_that_ignores_the_encryption_is_refused_and_nothing_stays() {
    let mut config = weed("ignores-sse");
    config.encryption = Some(ServerEncryption::Kms(None));
    let store = open(&config);
    let key = Key::from("plain");
    let failed = store
        .put(&key, Bytes::from_static(b"x"), PutMode::Overwrite)
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), StoreErrorKind::NotEncrypted);
    let mut upload = store.upload(&key).await.unwrap();
    upload.put_part(0, Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(
        upload.complete().await.unwrap_err().kind(),
        StoreErrorKind::NotEncrypted
    );
    assert!(list(&*store).await.is_empty());
}

#[tokio::test]
async fn a_wrong_secret_and_a_missing_bucket_are_told_apart() {
    let endpoint = Minio::shared().endpoint();
    let wrong = open(&config(&endpoint, "suite", (Minio::ACCESS_KEY, "hush-hush-wrong")));
    let failed = wrong
        .put(&Key::from("a"), Bytes::new(), PutMode::Overwrite)
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), StoreErrorKind::Unauthenticated);
    let shown = format!("{failed:?}");
    assert!(!shown.contains("hush") && !shown.contains("Signature="), "{shown}");

    let missing = open(&config(
        &endpoint,
        "no-such-bucket",
        (Minio::ACCESS_KEY, Minio::SECRET_KEY),
    ));
    let key = Key::from("a");
    assert_eq!(missing.head(&key).await.unwrap_err().kind(), StoreErrorKind::NoBucket);
    assert_eq!(
        missing.get(&key, None, None).await.unwrap_err().kind(),
        StoreErrorKind::NoBucket
    );
    assert_eq!(missing.upload(&key).await.unwrap_err().kind(), StoreErrorKind::NoBucket);
    let listed: Result<Vec<_>, _> = missing.list(&Key::root(), ListDepth::Flat).try_collect().await;
    assert_eq!(listed.unwrap_err().kind(), StoreErrorKind::NoBucket);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_after_the_deadline() {
    let mut config = config("http://127.0.0.1:9", "bucket", ("id", "secret"));
    config.deadline = Duration::from_millis(300);
    let failed = open(&config).head(&Key::from("a")).await.unwrap_err();
    assert_eq!(
        (failed.kind(), failed.retry()),
        (StoreErrorKind::Unreachable, Retry::Exhausted)
    );
}

#[tokio::test]
async fn a_lost_answer_to_any_write_is_recognised_as_our_own() {
    let (proxy, store) = broken_minio("lost-answers").await;
    let (key, body) = (Key::from("mine"), Bytes::from_static(b"nonce 4711"));
    proxy.add(Rule::new(Action::AnswerLost).method("PUT").nth(1));
    let created = store.put(&key, body.clone(), PutMode::Create).await.unwrap();
    proxy.clear();
    proxy.add(Rule::new(Action::AnswerLost).method("PUT").nth(1));
    let matched = PutMode::Match(created.etag.unwrap());
    store
        .put(&key, Bytes::from_static(b"nonce 4712"), matched)
        .await
        .unwrap();
    assert_eq!(read(&*store, &key).await, b"nonce 4712");

    let mut upload = store.upload(&key).await.unwrap();
    proxy.clear();
    proxy.add(Rule::new(Action::AnswerLost).method("PUT").nth(1));
    upload.put_part(0, Bytes::from(vec![1; 1000])).await.unwrap();
    proxy.add(Rule::new(Action::AnswerLost).method("POST").path("uploadId").nth(1));
    let receipt = upload.complete().await.unwrap();
    assert_eq!(store.head(&key).await.unwrap().unwrap().etag, receipt.etag);
    assert_eq!(read(&*store, &key).await, vec![1; 1000]);

    proxy.clear();
    proxy.add(Rule::new(Action::AnswerLost).method("POST").path("delete").nth(1));
    store.delete(std::slice::from_ref(&key)).await.pop().unwrap().unwrap();
    assert!(list(&*store).await.is_empty());
}

#[tokio::test]
async fn a_completed_upload_is_found_though_its_answer_was_lost_and_the_object_is_shown_late() {
    let (proxy, store) = broken_minio("late").await;
    let key = Key::from("late");
    let mut upload = store.upload(&key).await.unwrap();
    upload.put_part(0, Bytes::from(vec![1; 1000])).await.unwrap();
    proxy.add(Rule::new(Action::AnswerLost).method("POST").path("uploadId").nth(1));
    // Before the completion, and after its lost answer.
    proxy.add(Rule::new(Action::Status(404)).method("HEAD").path("root/late").up_to(2));
    let receipt = upload.complete().await.unwrap();
    let completions = proxy
        .log()
        .iter()
        .filter(|line| line.contains("POST") && line.contains("uploadId"))
        .count();
    assert_eq!(completions, 2);
    assert_eq!(store.head(&key).await.unwrap().unwrap().etag, receipt.etag);
}

/// As AWS answers; MinIO and SeaweedFS say that it is done.
#[tokio::test]
async fn an_upload_that_is_gone_is_aborted_and_cannot_be_completed() {
    let (proxy, store) = broken_minio("gone").await;
    let mut upload = store.upload(&Key::from("gone")).await.unwrap();
    upload.put_part(0, Bytes::from(vec![1; 1000])).await.unwrap();
    proxy.add(Rule::new(Action::Status(404)).path("uploadId="));
    let failed = upload.complete().await.unwrap_err();
    assert_eq!(
        (failed.kind(), failed.retry()),
        (StoreErrorKind::NoUpload, Retry::Never)
    );
    upload.abort().await.unwrap();
    let unfinished = UnfinishedUpload {
        key: Key::from("gone"),
        id: upload.id().to_owned(),
        initiated: None,
    };
    store.abort_upload(&unfinished).await.unwrap();
}

#[tokio::test]
async fn a_throttled_or_failing_server_is_asked_again() {
    let (proxy, store) = broken_minio("throttled").await;
    let key = Key::from("a");
    for (status, method) in [(503, "PUT"), (500, "PUT"), (503, "GET"), (500, "HEAD")] {
        proxy.clear();
        proxy.add(Rule::new(Action::Status(status)).method(method).up_to(2));
        store
            .put(&key, Bytes::from_static(b"body"), PutMode::Overwrite)
            .await
            .unwrap();
        assert_eq!(store.head(&key).await.unwrap().unwrap().length, 4);
        assert_eq!(list(&*store).await.len(), 1);
        assert_eq!(read(&*store, &key).await, b"body");
    }
}

#[tokio::test]
async fn a_cut_body_goes_on_where_it_broke() {
    let (proxy, store) = broken_minio("cut-bodies").await;
    let key = Key::from("long");
    let body: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    store
        .put(&key, Bytes::from(body.clone()), PutMode::Overwrite)
        .await
        .unwrap();
    proxy.add(Rule::new(Action::Cut).method("GET").up_to(3));
    assert!(read(&*store, &key).await == body);
    assert!(proxy.hits() >= 3);
    proxy.clear();
    proxy.add(Rule::new(Action::Cut).method("GET").path("list-type").nth(1));
    assert_eq!(list(&*store).await.len(), 1);
}

#[tokio::test]
async fn a_body_that_changed_on_the_way_is_refused_by_the_server_and_sent_again() {
    let (proxy, store) = broken_minio("flipped").await;
    proxy.add(Rule::new(Action::FlipRequestBit).method("PUT").nth(1));
    let (key, body) = (Key::from("a"), Bytes::from(vec![5; 100_000]));
    store.put(&key, body.clone(), PutMode::Overwrite).await.unwrap();
    assert!(read(&*store, &key).await == body);
}

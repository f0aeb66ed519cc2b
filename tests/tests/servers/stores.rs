//! The S3 servers do what the store's tests rely on.

use backup_tests::{Action, FaultProxy, Minio, Rule, Weed};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, RetryConfig};

fn client(endpoint: String, access_key: &str, secret_key: &str) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_access_key_id(access_key)
        .with_secret_access_key(secret_key)
}

fn minio(bucket: &str) -> AmazonS3Builder {
    let server = Minio::shared();
    server.create_bucket(bucket);
    client(server.endpoint(), Minio::ACCESS_KEY, Minio::SECRET_KEY).with_bucket_name(bucket)
}

async fn put_and_get(store: &AmazonS3) {
    let key = Path::from("a/b");
    store
        .put(&key, PutPayload::from_static(b"content"))
        .await
        .expect("stored");
    let stored = store.get(&key).await.expect("there").bytes().await.expect("read");
    assert_eq!(&stored[..], b"content");
}

#[tokio::test]
async fn minio_stores_with_its_kms_and_refuses_other_keys() {
    let encrypted = |key| {
        minio("kms-bucket")
            .with_sse_kms_encryption(key)
            .build()
            .expect("a client")
    };
    put_and_get(&encrypted(Minio::KMS_KEY)).await;
    let refused = encrypted("other-key").put(&Path::from("x"), PutPayload::new()).await;
    refused.expect_err("MinIO has only one key: it really uses its KMS");
}

#[tokio::test]
async fn minio_refuses_to_create_what_exists_and_a_wrong_secret() {
    let store = minio("create-bucket").build().expect("a client");
    let key = Path::from("once");
    store
        .put_opts(&key, PutPayload::from_static(b"1"), PutMode::Create.into())
        .await
        .expect("new");
    let again = store
        .put_opts(&key, PutPayload::from_static(b"2"), PutMode::Create.into())
        .await;
    assert!(
        matches!(again, Err(object_store::Error::AlreadyExists { .. })),
        "{again:?}"
    );

    let wrong = minio("create-bucket")
        .with_secret_access_key("wrong")
        .build()
        .expect("a client");
    wrong.get(&key).await.expect_err("the signature is checked");
}

#[tokio::test]
async fn signed_requests_pass_the_fault_proxy_and_a_flipped_bit_is_refused() {
    let direct = minio("proxied");
    let proxy = FaultProxy::start(Minio::shared().port()).await;
    let retries = RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    };
    let store = direct
        .with_endpoint(proxy.endpoint())
        .with_retry(retries)
        .build()
        .expect("a client");
    put_and_get(&store).await;
    proxy.add(Rule::new(Action::FlipRequestBit).method("PUT"));
    store
        .put(&Path::from("flipped"), PutPayload::from_static(b"content"))
        .await
        .expect_err("the digest is signed");
    assert_eq!(proxy.hits(), 1);
    assert!(matches!(
        store.head(&Path::from("flipped")).await,
        Err(object_store::Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn weed_stores_and_overwrites_what_should_have_been_created_once() {
    let server = Weed::shared();
    server.create_bucket("weed-bucket");
    let store = client(server.endpoint(), Weed::ACCESS_KEY, Weed::SECRET_KEY).with_bucket_name("weed-bucket");
    let store = store.build().expect("a client");
    put_and_get(&store).await;
    let key = Path::from("a/b");
    store
        .put_opts(&key, PutPayload::from_static(b"2"), PutMode::Create.into())
        .await
        .expect("ignores If-None-Match");
    assert_eq!(
        &store.get(&key).await.expect("there").bytes().await.expect("read")[..],
        b"2"
    );
}

#[tokio::test]
async fn weed_keeps_its_data_over_a_kill() {
    let mut server = tokio::task::spawn_blocking(Weed::start).await.expect("started");
    server.create_bucket("kept");
    let store = client(server.endpoint(), Weed::ACCESS_KEY, Weed::SECRET_KEY).with_bucket_name("kept");
    let store = store.build().expect("a client");
    put_and_get(&store).await;
    server.kill();
    assert!(
        !server
            .pids()
            .iter()
            .any(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists())
    );
    server.start_again();
    let stored = store
        .get(&Path::from("a/b"))
        .await
        .expect("there")
        .bytes()
        .await
        .expect("read");
    assert_eq!(&stored[..], b"content");
}

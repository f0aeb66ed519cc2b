use super::{Expectations, Fault, FaultyStore, Leniency, LenientStore, store_suite};
use crate::{
    clock::SystemEntropy,
    store::{Features, Key, ListDepth, PutMode, Store, StoreConfig, StoreErrorKind, connect, probe},
};
use bytes::Bytes;
use futures::TryStreamExt;
use std::sync::Arc;

fn open(url: &str) -> Arc<dyn Store> {
    connect(&StoreConfig::new(url), Arc::new(SystemEntropy)).unwrap()
}

fn all() -> Expectations {
    Expectations {
        features: Features {
            conditional_create: true,
            conditional_match: true,
        },
        uploads_by_prefix: true,
        encryption: None,
    }
}

#[tokio::test]
async fn memory_keeps_every_promise_of_a_store() {
    store_suite(open("memory:"), &all()).await;
}

#[tokio::test]
async fn a_local_folder_keeps_every_promise_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/made/on the way", folder.path().display());
    let mut expected = all();
    expected.features.conditional_match = false;
    store_suite(open(&url), &expected).await;
    let left = std::fs::read_dir(folder.path().join("made/on the way")).unwrap();
    assert_eq!(left.count(), 0, "neither staging files nor folders stay");
}

#[tokio::test]
async fn a_shuffled_listing_and_a_store_that_does_not_fail_keep_the_promises() {
    let shuffled = Leniency {
        shuffles: true,
        ..Leniency::default()
    };
    store_suite(Arc::new(LenientStore::new(open("memory:"), shuffled)), &all()).await;
    store_suite(Arc::new(FaultyStore::new(open("memory:"))), &all()).await;
}

#[tokio::test]
async fn the_probe_finds_what_a_store_does_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let memory = open("memory:");
    let unconditional = Leniency {
        ignores_conditions: true,
        ..Leniency::default()
    };
    let stores: [(Arc<dyn Store>, bool, bool); 3] = [
        (memory.clone(), true, true),
        (Arc::new(LenientStore::new(memory, unconditional)), false, false),
        (open(&format!("file://{}", folder.path().display())), true, false),
    ];
    for (store, conditional_create, conditional_match) in stores {
        let found = probe(&*store, &SystemEntropy).await.unwrap();
        let expected = Features {
            conditional_create,
            conditional_match,
        };
        assert_eq!(found, expected, "{store:?}");
        let left: Vec<_> = store.list(&Key::root(), ListDepth::Flat).try_collect().await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn a_probe_that_fails_anywhere_removes_its_key() {
    let calls = {
        let store = FaultyStore::new(open("memory:"));
        probe(&store, &SystemEntropy).await.unwrap();
        store.calls()
    };
    for position in 0..calls - 1 {
        let memory = open("memory:");
        let store = FaultyStore::new(memory.clone()).failing_at(position, Fault::After(StoreErrorKind::Server));
        assert!(probe(&store, &SystemEntropy).await.is_err(), "{:?}", store.log());
        let left: Vec<_> = memory.list(&Key::root(), ListDepth::Flat).try_collect().await.unwrap();
        assert!(left.is_empty(), "{position}: {left:?}");
    }
}

#[tokio::test]
async fn faults_hit_the_call_they_are_for() {
    let memory = open("memory:");
    let key = Key::from("a");
    let body = Bytes::from_static(b"body");
    let store = FaultyStore::new(memory.clone())
        .failing_at(0, Fault::Before(StoreErrorKind::Full))
        .failing_at(1, Fault::After(StoreErrorKind::Server))
        .failing_at(3, Fault::Flip)
        .failing_at(5, Fault::Cut);
    let put = || store.put(&key, body.clone(), PutMode::Overwrite);
    assert_eq!(put().await.unwrap_err().kind(), StoreErrorKind::Full);
    assert!(memory.head(&key).await.unwrap().is_none());
    assert_eq!(put().await.unwrap_err().kind(), StoreErrorKind::Server);
    assert!(memory.head(&key).await.unwrap().is_some());
    let read = async || {
        let download = store.get(&key, None, None).await.unwrap().unwrap();
        download
            .body
            .try_collect::<Vec<_>>()
            .await
            .map(|chunks| chunks.concat())
    };
    assert_eq!(read().await.unwrap(), b"boey");
    assert_eq!(read().await.unwrap_err().kind(), StoreErrorKind::Interrupted);
    assert_eq!(store.log(), ["put a", "put a", "get a", "body a", "get a", "body a"]);
}

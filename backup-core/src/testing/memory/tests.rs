use super::*;
use crate::testing::ManualClock;
use futures::TryStreamExt;

fn store(options: MemoryOptions) -> (MemoryStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at("2026-04-22T17:00:00.75Z".parse().unwrap()));
    (MemoryStore::new(clock.clone(), options), clock)
}

#[tokio::test]
async fn listings_name_everything_once_in_any_order() {
    let (store, _) = store(MemoryOptions::default());
    for number in 0..3000 {
        store.plant(&Key::from(format!("a/{number}/x")), "x");
    }
    store.plant(&Key::from("a/plain"), "x");
    let flat: Vec<_> = store
        .list(&Key::from("a/"), ListDepth::Flat)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(flat.len(), 3001);
    let folders: Vec<_> = store
        .list(&Key::from("a/"), ListDepth::Delimited)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(folders.len(), 3001);
    let again: Vec<_> = store
        .list(&Key::from("a/"), ListDepth::Delimited)
        .try_collect()
        .await
        .unwrap();
    assert_ne!(folders, again, "the order changes");
    assert!(folders.contains(&ListEntry::Folder(Key::from("a/17/"))));
}

#[tokio::test]
async fn conditions_are_honoured_or_ignored_as_asked() {
    let key = Key::from("a");
    let (strict, _) = store(MemoryOptions::default());
    strict.put(&key, "1".into(), PutMode::Create).await.unwrap();
    let refused = strict.put(&key, "2".into(), PutMode::Create).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Conflict);
    let (loose, _) = store(MemoryOptions {
        conditional: false,
        ..MemoryOptions::default()
    });
    loose.put(&key, "1".into(), PutMode::Create).await.unwrap();
    loose.put(&key, "2".into(), PutMode::Create).await.unwrap();
    assert_eq!(loose.peek(&key).unwrap(), "2");
}

#[tokio::test]
async fn keys_that_others_would_fold_are_refused() {
    let (store, _) = store(MemoryOptions::default());
    for key in ["a//b", "a/./b", "../a", "/a", "a/", ""] {
        let refused = store
            .put(&Key::from(key), "x".into(), PutMode::Overwrite)
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::InvalidKey, "{key}");
    }
}

#[tokio::test]
async fn uploads_are_listed_until_they_are_complete() {
    let (store, _) = store(MemoryOptions {
        part_min: 1,
        ..MemoryOptions::default()
    });
    let key = Key::from("a/b");
    let mut upload = store.upload(&key).await.unwrap();
    upload.put_part(1, "d".into()).await.unwrap();
    upload.put_part(0, "abc".into()).await.unwrap();
    let listed: Vec<_> = store.uploads(&Key::from("a/")).try_collect().await.unwrap();
    assert_eq!((listed.len(), &listed[0].key), (1, &key));
    assert!(store.keys().is_empty());
    upload.complete().await.unwrap();
    assert_eq!(store.peek(&key).unwrap(), "abcd");
    assert_eq!(store.unfinished(), 0);
}

#[tokio::test]
async fn the_store_has_its_own_clock_in_whole_seconds_if_asked() {
    let (store, clock) = store(MemoryOptions {
        whole_seconds: true,
        ..MemoryOptions::default()
    });
    clock.advance(jiff::SignedDuration::from_secs(60));
    store
        .put(&Key::from("a"), "x".into(), PutMode::Overwrite)
        .await
        .unwrap();
    let meta = store.head(&Key::from("a")).await.unwrap().unwrap();
    assert_eq!(meta.modified.to_string(), "2026-04-22T17:01:00Z");
}

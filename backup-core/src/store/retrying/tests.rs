use crate::{
    clock::SystemEntropy,
    retry::{Policy, Retrier},
    store::{Key, ListDepth, ListEntry, PutMode, Retry, Retrying, Store, StoreConfig, StoreErrorKind, connect},
    testing::{Fault, FaultyStore},
};
use bytes::Bytes;
use futures::TryStreamExt;
use std::sync::Arc;
use tokio::time::Instant;

fn memory() -> Arc<dyn Store> {
    connect(&StoreConfig::new("memory:"), Arc::new(SystemEntropy)).unwrap()
}

fn retrying(faulty: &FaultyStore<dyn Store>) -> Retrying<FaultyStore<dyn Store>> {
    let retrier = Retrier::new(Policy::default(), Arc::new(SystemEntropy));
    Retrying::new(Arc::new(faulty.clone()), retrier)
}

fn body(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn read(store: &dyn Store, key: &Key) -> Vec<u8> {
    let download = store.get(key, None, None).await.unwrap().unwrap();
    download.body.try_collect::<Vec<_>>().await.unwrap().concat()
}

const LOST: Fault = Fault::After(StoreErrorKind::Interrupted);

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_conditional_put_is_our_own_write() {
    let key = Key::from("a");
    let faulty = FaultyStore::new(memory()).failing_at(0, LOST);
    let store = retrying(&faulty);
    let created = store.put(&key, body("nonce 1"), PutMode::Create).await.unwrap();
    assert_eq!(faulty.log(), ["put a", "put a", "get a", "body a"]);
    faulty.fail_next(1, LOST);
    let matched = PutMode::Match(created.etag.unwrap());
    store.put(&key, body("nonce 2"), matched).await.unwrap();
    assert_eq!(read(&store, &key).await, b"nonce 2");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_another_writer_stays_one() {
    let key = Key::from("a");
    let memory = memory();
    memory.put(&key, body("nonce 1"), PutMode::Create).await.unwrap();
    let faulty = FaultyStore::new(memory).failing_at(0, Fault::Before(StoreErrorKind::Interrupted));
    let store = retrying(&faulty);
    for (text, calls) in [("nonce 2", 4), ("longer than nonce 2", 5)] {
        let failed = store.put(&key, body(text), PutMode::Create).await.unwrap_err();
        assert_eq!(failed.kind(), StoreErrorKind::Conflict);
        assert_eq!(faulty.calls(), calls, "{:?}", faulty.log());
    }
    assert_eq!(read(&store, &key).await, b"nonce 1");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_completion_is_seen_by_what_is_there() {
    let key = Key::from("a");
    for before in [None, Some(body("0123456789"))] {
        let memory = memory();
        if let Some(before) = before {
            memory.put(&key, before, PutMode::Overwrite).await.unwrap();
        }
        let faulty = FaultyStore::new(memory);
        let store = retrying(&faulty);
        let mut upload = store.upload(&key).await.unwrap();
        faulty.fail_next(1, LOST);
        upload.put_part(0, body("abcdefghij")).await.unwrap();
        let head = faulty.calls();
        let faulty = faulty.failing_at(head + 1, LOST);
        let receipt = upload.complete().await.unwrap();
        assert_eq!(receipt.etag, store.head(&key).await.unwrap().unwrap().etag);
        assert_eq!(read(&store, &key).await, b"abcdefghij");
        assert_eq!(faulty.log()[head..head + 3], ["head a", "complete a", "head a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_object_of_the_same_length_is_not_taken_for_a_completed_upload() {
    let key = Key::from("a");
    let memory = memory();
    memory.put(&key, body("old"), PutMode::Overwrite).await.unwrap();
    let faulty = FaultyStore::new(memory);
    let store = retrying(&faulty);
    let mut upload = store.upload(&key).await.unwrap();
    upload.put_part(0, body("new")).await.unwrap();
    let faulty = faulty
        .clone()
        .failing_at(faulty.calls() + 1, Fault::Before(StoreErrorKind::Server));
    upload.complete().await.unwrap();
    assert_eq!(read(&store, &key).await, b"new");
    assert!(faulty.log().iter().filter(|call| *call == "complete a").count() == 2);
}

#[tokio::test(start_paused = true)]
async fn a_cut_body_goes_on_at_its_offset() {
    let key = Key::from("a");
    let faulty = FaultyStore::new(memory());
    let store = retrying(&faulty);
    store.put(&key, body("0123456789"), PutMode::Overwrite).await.unwrap();
    // get, body (cut), get again (fails), get again, body (cut), get again, body
    for (ahead, fault) in [
        (1, Fault::Cut),
        (2, Fault::Before(StoreErrorKind::Server)),
        (4, Fault::Cut),
    ] {
        let position = faulty.calls() + ahead;
        drop(faulty.clone().failing_at(position, fault));
    }
    assert_eq!(read(&store, &key).await, b"0123456789");
    assert_eq!(faulty.log().iter().filter(|call| *call == "get a").count(), 4);
    let ranged = store.get(&key, Some(2..99), None).await.unwrap().unwrap();
    faulty.fail_next(1, Fault::Cut);
    assert_eq!(ranged.body.try_collect::<Vec<_>>().await.unwrap().concat(), b"23456789");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_changed_while_it_was_read_is_an_error() {
    let key = Key::from("a");
    let faulty = FaultyStore::new(memory());
    let store = retrying(&faulty);
    store.put(&key, body("0123456789"), PutMode::Overwrite).await.unwrap();
    let download = store.get(&key, None, None).await.unwrap().unwrap();
    store.put(&key, body("abcdefghij"), PutMode::Overwrite).await.unwrap();
    faulty.fail_next(1, Fault::Cut);
    let read: Result<Vec<_>, _> = download.body.try_collect().await;
    assert_eq!(read.unwrap_err().kind(), StoreErrorKind::Changed);
}

#[tokio::test(start_paused = true)]
async fn a_listing_neither_loses_nor_doubles_an_entry() {
    let memory = memory();
    for i in 0..20 {
        memory
            .put(&Key::from(format!("k/{i:02}")), body("x"), PutMode::Overwrite)
            .await
            .unwrap();
    }
    for position in 0..=20 {
        let faulty = FaultyStore::new(memory.clone())
            .failing_in(position..position + 3, Fault::Before(StoreErrorKind::Throttled));
        let store = retrying(&faulty);
        let entries: Vec<ListEntry> = store
            .list(&Key::from("k/"), ListDepth::Flat)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(entries.len(), 20, "{position}");
        let stays = FaultyStore::new(memory.clone()).failing_in(position..9999, Fault::Before(StoreErrorKind::Server));
        let listed: Result<Vec<ListEntry>, _> = retrying(&stays)
            .list(&Key::from("k/"), ListDepth::Flat)
            .try_collect()
            .await;
        assert_eq!(listed.unwrap_err().retry(), Retry::Exhausted, "{position}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out_by_every_operation_until_the_deadline() {
    let key = Key::from("a");
    let memory = memory();
    memory.put(&key, body("x"), PutMode::Overwrite).await.unwrap();
    for count in [3, 100_000] {
        for operation in 0..7 {
            let faulty =
                FaultyStore::new(memory.clone()).failing_in(0..count, Fault::Before(StoreErrorKind::Throttled));
            let store = retrying(&faulty);
            let result = match operation {
                0 => store.put(&key, body("x"), PutMode::Overwrite).await.map(drop),
                1 => store.get(&key, None, None).await.map(drop),
                2 => store.head(&key).await.map(drop),
                3 => store.upload(&key).await.map(drop),
                4 => store.copy(&key, &Key::from("b")).await.map(drop),
                5 => store
                    .delete(&[Key::from("b"), Key::from("c")])
                    .await
                    .into_iter()
                    .collect(),
                _ => store.uploads(&key).try_collect::<Vec<_>>().await.map(drop),
            };
            let kinds = result.map_err(|error| (error.kind(), error.retry()));
            let exhausted = Err((StoreErrorKind::Throttled, Retry::Exhausted));
            assert_eq!(
                kinds,
                if count == 3 { Ok(()) } else { exhausted },
                "operation {operation}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_given_up() {
    let key = Key::from("a");
    let memory = memory();
    memory.put(&key, body("x"), PutMode::Overwrite).await.unwrap();
    let faulty = FaultyStore::new(memory);
    let store = retrying(&faulty);
    let download = store.get(&key, None, None).await.unwrap().unwrap();
    let faulty = faulty.failing_in(1..100, Fault::Hang);
    let results = [
        download.body.try_collect::<Vec<_>>().await.map(drop),
        store.head(&key).await.map(drop),
        store
            .list(&key, ListDepth::Flat)
            .try_collect::<Vec<_>>()
            .await
            .map(drop),
        store.delete(std::slice::from_ref(&key)).await.into_iter().collect(),
    ];
    for result in results {
        let failed = result.unwrap_err();
        assert_eq!(
            (failed.kind(), failed.retry()),
            (StoreErrorKind::Unreachable, Retry::Exhausted)
        );
    }
    // The deletion, which may take longer, was asked after.
    assert_eq!((faulty.calls(), &faulty.log()[5][..]), (6, "head a"));
}

/// A body for which a slow line needs ten minutes.
fn long() -> Bytes {
    vec![7; 600 * 64 * 1024].into()
}

#[tokio::test(start_paused = true)]
async fn long_requests_are_given_up_with_a_store_that_answers_nothing_and_waited_for_while_it_does() {
    let key = Key::from("a");
    let deadline = Policy::default().deadline;
    for (hang, least, most) in [(100, deadline, 3 * deadline), (1, 9 * deadline, 12 * deadline)] {
        for part in [false, true] {
            let faulty = FaultyStore::new(memory());
            let store = retrying(&faulty);
            let upload = store.upload(&key).await.unwrap();
            faulty.fail_next(hang, Fault::Hang);
            let began = Instant::now();
            let failed = if part {
                upload.put_part(0, long()).await.unwrap_err()
            } else {
                store.put(&key, long(), PutMode::Overwrite).await.map(drop).unwrap_err()
            };
            assert_eq!(
                (failed.kind(), failed.retry()),
                (StoreErrorKind::Unreachable, Retry::Exhausted)
            );
            let took = began.elapsed();
            assert!(least <= took && took <= most, "{hang} {part}: {took:?}");
        }
    }
    let faulty = FaultyStore::new(memory()).failing_in(0..100, Fault::Hang);
    let began = Instant::now();
    let failed = retrying(&faulty).delete(&vec![key; 5000]).await;
    assert!(failed.iter().all(Result::is_err) && began.elapsed() <= 3 * deadline);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_get_well_is_not_tried_again() {
    let key = Key::from("a");
    for kind in [
        StoreErrorKind::Forbidden,
        StoreErrorKind::Full,
        StoreErrorKind::NoBucket,
    ] {
        let faulty = FaultyStore::new(memory()).failing_in(0..10, Fault::Before(kind));
        let failed = retrying(&faulty)
            .put(&key, body("x"), PutMode::Overwrite)
            .await
            .unwrap_err();
        assert_eq!((failed.kind(), failed.retry(), faulty.calls()), (kind, Retry::Never, 1));
    }
}

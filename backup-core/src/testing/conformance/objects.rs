//! Single objects.

use super::{delete, entries, keys_under, kind, put, read};
use crate::store::{ETag, Key, ListDepth, PutMode, ServerEncryption, Store, StoreErrorKind};
use bytes::Bytes;
use futures::{TryStreamExt, future::join_all};

/// A put replaces the whole object; a reader never sees a mixture.
pub async fn put_replaces_and_get_reads_it_whole(store: &dyn Store) {
    let key = Key::from("objects/whole");
    let bodies = [vec![b'a'; 300_000], vec![b'b'; 200_000]];
    let write = |body: &Vec<u8>| store.put(&key, Bytes::from(body.clone()), PutMode::Overwrite);
    write(&bodies[0]).await.expect("put");
    let writes = join_all((0..6).map(|i| write(&bodies[i % 2])));
    let reads = join_all((0..6).map(|_| read(store, &key)));
    let (written, seen) = futures::join!(writes, reads);
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    assert!(
        seen.iter().flatten().all(|body| bodies.contains(body)),
        "half an object was seen"
    );
    let meta = store.head(&key).await.expect("head").expect("the object");
    let now = read(store, &key).await.expect("the object");
    assert_eq!((meta.key, meta.length), (key.clone(), now.len() as u64));
    delete(store, &key).await;
}

/// An object of no bytes is an object.
pub async fn an_object_may_be_empty(store: &dyn Store) {
    let key = Key::from("objects/empty");
    put(store, &key, "").await;
    assert_eq!(read(store, &key).await, Some(Vec::new()));
    let ranged = store
        .get(&key, Some(0..10), None)
        .await
        .expect("get")
        .expect("the object");
    assert_eq!(ranged.body.try_collect::<Vec<_>>().await.expect("body").concat(), b"");
    assert_eq!(store.head(&key).await.expect("head").map(|meta| meta.length), Some(0));
    delete(store, &key).await;
}

/// What is not there is `None`, not an error, whatever is done with it.
pub async fn absent_is_none(store: &dyn Store) {
    let (key, other) = (Key::from("objects/absent"), Key::from("objects/copy"));
    assert!(store.head(&key).await.expect("head").is_none());
    assert!(store.get(&key, None, None).await.expect("get").is_none());
    assert!(store.get(&key, Some(0..1), None).await.expect("get").is_none());
    assert!(store.get(&key, Some(1..1), None).await.expect("get").is_none());
    assert!(store.copy(&key, &other).await.expect("copy").is_none());
    assert!(entries(store, &key, ListDepth::Flat).await.is_empty());
    assert!(
        entries(store, &Key::from("objects/none/"), ListDepth::Delimited)
            .await
            .is_empty()
    );
}

/// Any range is answered with the bytes that exist in it, and with the length of the whole object.
pub async fn ranges_are_cut_to_what_exists(store: &dyn Store) {
    let key = Key::from("objects/ranged");
    put(store, &key, "0123456789").await;
    for (range, expected) in [
        (0..10, "0123456789"),
        (2..5, "234"),
        (9..10, "9"),
        (5..99, "56789"),
        (0..u64::from(u32::MAX), "0123456789"),
        (3..3, ""),
        (10..11, ""),
        (50..60, ""),
    ] {
        let download = store
            .get(&key, Some(range.clone()), None)
            .await
            .expect("get")
            .expect("the object");
        assert_eq!(
            download.meta.length, 10,
            "the length of the whole object, for {range:?}"
        );
        let body = download.body.try_collect::<Vec<_>>().await.expect("body").concat();
        assert_eq!(body, expected.as_bytes(), "{range:?}");
    }
    delete(store, &key).await;
}

/// With a pin another version is never read.
pub async fn a_pinned_get_reads_that_version_or_none(store: &dyn Store) {
    let key = Key::from("objects/pinned");
    put(store, &key, "first").await;
    let first = store.head(&key).await.expect("head").and_then(|meta| meta.etag);
    let first = first.expect("an etag");
    for range in [None, Some(1..3)] {
        assert!(store.get(&key, range, Some(&first)).await.expect("get").is_some());
    }
    put(store, &key, "the second").await;
    for range in [None, Some(1..3), Some(2..2), Some(90..91)] {
        let got = store.get(&key, range.clone(), Some(&first)).await;
        assert_eq!(kind(got), Some(StoreErrorKind::Changed), "{range:?}");
    }
    delete(store, &key).await;
}

/// `Create` writes where nothing is, once, also when many try at once.
pub async fn create_conflicts_with_what_is_there(store: &dyn Store) {
    let key = Key::from("objects/created");
    let create = |body: String| {
        let key = key.clone();
        async move { store.put(&key, Bytes::from(body), PutMode::Create).await }
    };
    let results = join_all((0..8).map(|i| create(format!("writer {i}")))).await;
    let winners: Vec<usize> = (0..8).filter(|&i| results[i].is_ok()).collect();
    let [winner] = winners[..] else {
        unreachable!("one writer creates, not {winners:?}: {results:?}");
    };
    let lost = results.into_iter().filter_map(kind);
    assert!(lost.into_iter().all(|kind| kind == StoreErrorKind::Conflict));
    assert_eq!(read(store, &key).await, Some(format!("writer {winner}").into_bytes()));
    delete(store, &key).await;
}

/// `Match` replaces exactly the version that it names.
pub async fn match_wants_the_present_version(store: &dyn Store) {
    let key = Key::from("objects/matched");
    let body = Bytes::from_static;
    let first = store.put(&key, body(b"one"), PutMode::Create).await.expect("create");
    let first = first.etag.expect("an etag");
    let second = store
        .put(&key, body(b"two"), PutMode::Match(first.clone()))
        .await
        .expect("match");
    let second = second.etag.expect("an etag");
    let stale = store.put(&key, body(b"three"), PutMode::Match(first)).await;
    assert_eq!(kind(stale), Some(StoreErrorKind::Conflict));
    assert_eq!(read(store, &key).await.as_deref(), Some(&b"two"[..]));
    delete(store, &key).await;
    for tag in [second, ETag("\"0123456789abcdef0123456789abcdef\"".into())] {
        let gone = store.put(&key, body(b"four"), PutMode::Match(tag)).await;
        assert_eq!(kind(gone), Some(StoreErrorKind::Conflict), "nothing is there to match");
    }
    assert!(store.head(&key).await.expect("head").is_none());
}

/// More keys than a request holds are deleted; those that are not there count as deleted.
pub async fn any_number_of_keys_is_deleted_missing_ones_too(store: &dyn Store) {
    let keys: Vec<Key> = (0..1010).map(|i| Key::from(format!("objects/many/{i}"))).collect();
    for key in keys.iter().step_by(100) {
        put(store, key, "x").await;
    }
    let bad = Key::from("objects//many");
    let mut asked = keys.clone();
    asked.insert(3, bad);
    let results = store.delete(&asked).await;
    assert_eq!(results.len(), asked.len(), "one result for each key");
    for (i, (key, result)) in asked.iter().zip(results).enumerate() {
        assert!(i == 3 || result.is_ok(), "{key}: {result:?}");
    }
    assert!(keys_under(store, "objects/many/").await.is_empty());
    assert!(store.delete(&[]).await.is_empty());
}

/// A copy holds the same bytes and is independent of where it came from.
pub async fn a_copy_is_made_inside_the_store(store: &dyn Store) {
    let (from, to) = (Key::from("objects/from a+b"), Key::from("objects/deeper/to"));
    put(store, &from, "content").await;
    put(store, &to, "old").await;
    let receipt = store.copy(&from, &to).await.expect("copy").expect("the object");
    let meta = store.head(&to).await.expect("head").expect("the copy");
    assert_eq!(receipt.etag, meta.etag);
    put(store, &from, "changed").await;
    assert_eq!(read(store, &to).await.as_deref(), Some(&b"content"[..]));
    delete(store, &from).await;
    assert_eq!(read(store, &to).await.as_deref(), Some(&b"content"[..]));
    delete(store, &to).await;
}

/// Every write is confirmed as encrypted, and `head` and `get` tell so, if the store was configured to.
pub async fn the_encryption_is_confirmed(store: &dyn Store, expected: Option<&ServerEncryption>) {
    let Some(expected) = expected else {
        return;
    };
    let same = |answered: Option<ServerEncryption>| {
        use ServerEncryption::{Kms, S3};
        matches!((expected, answered), (S3, Some(S3)) | (Kms(_), Some(Kms(_))))
    };
    let key = Key::from("objects/encrypted");
    let receipt = store
        .put(&key, Bytes::from_static(b"x"), PutMode::Overwrite)
        .await
        .expect("put");
    assert!(same(receipt.encryption), "put");
    let mut upload = store.upload(&key).await.expect("upload");
    upload.put_part(0, Bytes::from_static(b"part")).await.expect("part");
    assert!(same(upload.complete().await.expect("complete").encryption), "complete");
    assert!(
        same(store.head(&key).await.expect("head").and_then(|meta| meta.encryption)),
        "head"
    );
    let download = store.get(&key, None, None).await.expect("get");
    assert!(same(download.and_then(|download| download.meta.encryption)), "get");
    delete(store, &key).await;
}

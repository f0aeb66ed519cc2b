//! Multipart uploads.

use super::{delete, entries, keys_under, put, read};
use crate::store::{Key, ListDepth, Store, StoreErrorKind, UnfinishedUpload};
use bytes::Bytes;
use futures::TryStreamExt;

/// What S3 demands of all parts but the last.
const PART: usize = 5 * 1024 * 1024;

fn part(fill: u8, length: usize) -> Bytes {
    Bytes::from(vec![fill; length])
}

async fn unfinished(store: &dyn Store, prefix: &Key) -> Vec<UnfinishedUpload> {
    store.uploads(prefix).try_collect().await.expect("uploads")
}

/// Nothing is visible under the key, and what was there stays, until all of it is.
pub async fn an_upload_is_visible_only_when_complete(store: &dyn Store) {
    let (fresh, old) = (Key::from("uploads/fresh"), Key::from("uploads/old"));
    put(store, &old, "old").await;
    for (key, before) in [(&fresh, None), (&old, Some(b"old".to_vec()))] {
        let mut upload = store.upload(key).await.expect("upload");
        upload.put_part(0, part(1, PART)).await.expect("part");
        upload.put_part(1, part(2, 3)).await.expect("part");
        assert_eq!(read(store, key).await, before, "before it is complete");
        let listed = entries(store, key, ListDepth::Flat).await;
        assert_eq!(listed.len(), usize::from(before.is_some()), "{listed:?}");
        let receipt = upload.complete().await.expect("complete");
        let meta = store.head(key).await.expect("head").expect("the object");
        assert_eq!((meta.length, meta.etag), (PART as u64 + 3, receipt.etag));
        assert!(unfinished(store, key).await.is_empty());
        delete(store, key).await;
    }
}

/// An upload may turn out to be short.
pub async fn an_upload_of_one_short_part_completes(store: &dyn Store) {
    let key = Key::from("uploads/short");
    let mut upload = store.upload(&key).await.expect("upload");
    upload.put_part(0, part(7, 10)).await.expect("part");
    upload.complete().await.expect("complete");
    assert_eq!(read(store, &key).await, Some(vec![7; 10]));
    delete(store, &key).await;
}

/// Parts are put together by their index, not as they came; one that comes again replaces the first.
pub async fn parts_may_come_in_any_order_and_twice(store: &dyn Store) {
    let key = Key::from("uploads/unordered");
    let mut upload = store.upload(&key).await.expect("upload");
    upload.put_part(2, part(3, 1000)).await.expect("the last part");
    upload.put_part(1, part(9, PART)).await.expect("part");
    let (first, second) = (upload.put_part(0, part(1, PART)), upload.put_part(1, part(2, PART)));
    let (first, second) = futures::join!(first, second);
    first.and(second).expect("parts at once");
    upload.complete().await.expect("complete");
    let expected = [part(1, PART), part(2, PART), part(3, 1000)].concat();
    assert!(
        read(store, &key).await.is_some_and(|bytes| bytes == expected),
        "the parts in order"
    );
    delete(store, &key).await;
}

/// After an abort there is neither object nor upload, and aborting again is no error.
pub async fn an_aborted_upload_leaves_nothing(store: &dyn Store) {
    let key = Key::from("uploads/aborted");
    let mut upload = store.upload(&key).await.expect("upload");
    upload.put_part(0, part(1, PART)).await.expect("part");
    upload.abort().await.expect("abort");
    upload.abort().await.expect("abort again");
    assert!(read(store, &key).await.is_none());
    assert!(unfinished(store, &key).await.is_empty());
    assert!(upload.complete().await.is_err(), "nothing is left to complete");
    assert!(keys_under(store, "uploads/").await.is_empty());
}

/// An upload that its writer forgot is found by others, and removed by its id.
pub async fn unfinished_uploads_are_listed_and_aborted(store: &dyn Store, by_prefix: bool) {
    let keys = [Key::from("uploads/left/one a+b"), Key::from("uploads/left/two")];
    for key in &keys {
        let upload = store.upload(key).await.expect("upload");
        upload.put_part(0, part(1, 100)).await.expect("part");
    }
    if by_prefix {
        assert_eq!(unfinished(store, &Key::from("uploads/l")).await.len(), 2);
        assert!(unfinished(store, &Key::from("uploads/m")).await.is_empty());
    }
    for key in &keys {
        let found = unfinished(store, key).await;
        assert_eq!(found.len(), 1, "{key}: {found:?}");
        assert_eq!(&found[0].key, key);
        store.abort_upload(&found[0]).await.expect("abort");
        store.abort_upload(&found[0]).await.expect("abort again");
        assert!(unfinished(store, key).await.is_empty());
    }
    let refused = store.upload(&Key::from("uploads//x")).await;
    assert!(refused.is_err_and(|error| error.kind() == StoreErrorKind::InvalidKey));
}

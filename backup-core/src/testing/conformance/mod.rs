//! Every promise of [`Store`], as a test that runs on any of them.

mod keys;
mod listings;
mod objects;
mod uploads;

pub use keys::{odd_keys_are_held_byte_for_byte, refused_keys_reach_nothing};
pub use listings::{
    a_delimited_listing_names_folders_once, a_prefix_ends_anywhere, every_key_is_listed_exactly_once_over_pages,
    listed_facts_are_those_of_head,
};
pub use objects::{
    a_copy_is_made_inside_the_store, a_pinned_get_reads_that_version_or_none, absent_is_none, an_object_may_be_empty,
    any_number_of_keys_is_deleted_missing_ones_too, create_conflicts_with_what_is_there,
    match_wants_the_present_version, put_replaces_and_get_reads_it_whole, ranges_are_cut_to_what_exists,
    the_encryption_is_confirmed,
};
pub use uploads::{
    an_aborted_upload_leaves_nothing, an_upload_is_visible_only_when_complete, an_upload_of_one_short_part_completes,
    parts_may_come_in_any_order_and_twice, unfinished_uploads_are_listed_and_aborted,
};

use crate::store::{Features, Key, ListDepth, ListEntry, ObjectMeta, PutMode, ServerEncryption, Store, StoreErrorKind};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;

/// What the store under test can do; everything else is demanded of all stores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations {
    /// Which conditions it honours.
    pub features: Features,
    /// `uploads` lists by any prefix, not only by a whole key.
    pub uploads_by_prefix: bool,
    /// The encryption that it was configured for, and must confirm.
    pub encryption: Option<ServerEncryption>,
}

/// Runs every case on `store`, which must be empty, and leaves nothing in it.
///
/// # Panics
/// If the store breaks a promise: the message says which.
pub async fn store_suite(store: Arc<dyn Store>, expected: &Expectations) {
    let store = &*store;
    assert_eq!(
        keys_under(store, "").await,
        Vec::<String>::new(),
        "the store must be empty"
    );
    objects(store, expected).await;
    every_key_is_listed_exactly_once_over_pages(store).await;
    a_prefix_ends_anywhere(store).await;
    a_delimited_listing_names_folders_once(store).await;
    listed_facts_are_those_of_head(store).await;
    odd_keys_are_held_byte_for_byte(store).await;
    refused_keys_reach_nothing(store).await;
    an_upload_is_visible_only_when_complete(store).await;
    an_upload_of_one_short_part_completes(store).await;
    parts_may_come_in_any_order_and_twice(store).await;
    an_aborted_upload_leaves_nothing(store).await;
    unfinished_uploads_are_listed_and_aborted(store, expected.uploads_by_prefix).await;
    assert_eq!(
        keys_under(store, "").await,
        Vec::<String>::new(),
        "a case left something behind"
    );
}

async fn objects(store: &dyn Store, expected: &Expectations) {
    put_replaces_and_get_reads_it_whole(store).await;
    an_object_may_be_empty(store).await;
    absent_is_none(store).await;
    ranges_are_cut_to_what_exists(store).await;
    a_pinned_get_reads_that_version_or_none(store).await;
    if expected.features.conditional_create {
        create_conflicts_with_what_is_there(store).await;
    }
    if expected.features.conditional_match {
        match_wants_the_present_version(store).await;
    }
    any_number_of_keys_is_deleted_missing_ones_too(store).await;
    a_copy_is_made_inside_the_store(store).await;
    the_encryption_is_confirmed(store, expected.encryption.as_ref()).await;
}

async fn put(store: &dyn Store, key: &Key, body: &'static str) {
    store
        .put(key, Bytes::from_static(body.as_bytes()), PutMode::Overwrite)
        .await
        .expect("put");
}

async fn read(store: &dyn Store, key: &Key) -> Option<Vec<u8>> {
    let download = store.get(key, None, None).await.expect("get")?;
    let chunks: Vec<Bytes> = download.body.try_collect().await.expect("the whole body");
    let bytes = chunks.concat();
    assert_eq!(bytes.len() as u64, download.meta.length, "the length of {key}");
    Some(bytes)
}

async fn delete(store: &dyn Store, key: &Key) {
    let results = store.delete(std::slice::from_ref(key)).await;
    assert_eq!(results.len(), 1, "one result for each key");
    results.into_iter().collect::<Result<(), _>>().expect("delete");
}

async fn entries(store: &dyn Store, prefix: &Key, depth: ListDepth) -> Vec<ListEntry> {
    store.list(prefix, depth).try_collect().await.expect("list")
}

async fn metas_under(store: &dyn Store, prefix: &str) -> Vec<ObjectMeta> {
    let entries = store.list(&Key::from(prefix), ListDepth::Flat);
    let objects = entries.filter_map(async |entry| match entry.expect("list") {
        ListEntry::Object(meta) => Some(meta),
        ListEntry::Folder(_) => None,
    });
    objects.collect().await
}

async fn keys_under(store: &dyn Store, prefix: &str) -> Vec<String> {
    let metas = metas_under(store, prefix).await;
    let mut keys: Vec<String> = metas.iter().map(|meta| meta.key.to_string()).collect();
    keys.sort();
    keys
}

fn kind<T>(result: Result<T, crate::store::StoreError>) -> Option<StoreErrorKind> {
    result.err().map(|error| error.kind())
}

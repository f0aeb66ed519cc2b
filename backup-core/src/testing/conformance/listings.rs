//! Listings.

use super::{delete, entries, keys_under, metas_under, put};
use crate::store::{Key, ListDepth, ListEntry, Store};
use futures::{StreamExt, stream};
use std::collections::BTreeSet;

/// More keys than a page holds come once each.
pub async fn every_key_is_listed_exactly_once_over_pages(store: &dyn Store) {
    let names: Vec<String> = (0..1500).map(|i| format!("pages/{:03}/{i}", i % 7)).collect();
    let keys: Vec<Key> = names.iter().map(|name| Key::from(name.as_str())).collect();
    stream::iter(&keys)
        .for_each_concurrent(16, |key| put(store, key, "x"))
        .await;
    let listed = keys_under(store, "pages/").await;
    assert_eq!(listed.len(), 1500, "each key once");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), names.into_iter().collect());
    let folders = entries(store, &Key::from("pages/"), ListDepth::Delimited).await;
    assert_eq!(folders.len(), 7, "{folders:?}");
    for result in store.delete(&keys).await {
        result.expect("delete");
    }
}

/// A prefix is text: it need not end at a slash, and it holds no wildcard.
pub async fn a_prefix_ends_anywhere(store: &dyn Store) {
    let names = [
        "prefix/a/b/c",
        "prefix/a-b",
        "prefix/ab",
        "prefix/b",
        "prefix%2Fa",
        "prefixed",
    ];
    for name in names {
        put(store, &Key::from(name), "x").await;
    }
    for (prefix, expected) in [
        ("prefix/a", vec!["prefix/a-b", "prefix/a/b/c", "prefix/ab"]),
        ("prefix/a/", vec!["prefix/a/b/c"]),
        ("prefix/a/b/c", vec!["prefix/a/b/c"]),
        ("prefix/a/b/c/", vec![]),
        (
            "prefix",
            vec![
                "prefix%2Fa",
                "prefix/a-b",
                "prefix/a/b/c",
                "prefix/ab",
                "prefix/b",
                "prefixed",
            ],
        ),
        ("prefix/*", vec![]),
    ] {
        assert_eq!(keys_under(store, prefix).await, expected, "{prefix}");
    }
    for name in names {
        delete(store, &Key::from(name)).await;
    }
}

/// What lies deeper than the next slash is named once, as a folder.
pub async fn a_delimited_listing_names_folders_once(store: &dyn Store) {
    let names = ["tree/file", "tree/one/a", "tree/one/b/c", "tree/two/d", "tree/one-more"];
    for name in names {
        put(store, &Key::from(name), "x").await;
    }
    for (prefix, expected) in [
        ("tree/", vec!["tree/file", "tree/one-more", "tree/one/", "tree/two/"]),
        ("tree/o", vec!["tree/one-more", "tree/one/"]),
        ("tree/one", vec!["tree/one-more", "tree/one/"]),
        ("tree/one/", vec!["tree/one/a", "tree/one/b/"]),
        ("tre", vec!["tree/"]),
        ("", vec!["tree/"]),
    ] {
        let entries = entries(store, &Key::from(prefix), ListDepth::Delimited).await;
        let mut found: Vec<String> = entries.iter().map(name).collect();
        found.sort();
        assert_eq!(found, expected, "{prefix:?}");
    }
    for name in names {
        delete(store, &Key::from(name)).await;
    }
}

fn name(entry: &ListEntry) -> String {
    match entry {
        ListEntry::Object(meta) => meta.key.to_string(),
        ListEntry::Folder(folder) => folder.to_string(),
    }
}

/// Length and etag in a list are the object's.
pub async fn listed_facts_are_those_of_head(store: &dyn Store) {
    let key = Key::from("facts/one");
    put(store, &key, "four").await;
    let listed = metas_under(store, "facts/").await;
    let head = store.head(&key).await.expect("head").expect("the object");
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].key, listed[0].length), (&key, 4));
    assert_eq!(listed[0].etag, head.etag);
    assert_eq!(listed[0].modified.as_second(), head.modified.as_second());
    delete(store, &key).await;
}

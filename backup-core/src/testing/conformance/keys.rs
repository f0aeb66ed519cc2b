//! Odd keys: held byte for byte, or refused.

use super::{delete, keys_under, kind, metas_under, put, read};
use crate::store::{Key, PutMode, Store, StoreErrorKind};
use bytes::Bytes;

/// Keys that are legal and easily mangled on the way: each is its own object, listed as it is.
pub async fn odd_keys_are_held_byte_for_byte(store: &dyn Store) {
    let names = [
        "a b",
        "a+b",
        "a%20b",
        "a%2Bb",
        "a%2b",
        "100%",
        "it's",
        "say \"so\"",
        "t~ilde",
        "ümläut",
        "日本/語",
        "q?x=1&y=2",
        "h#ash",
        "semi;colon",
        "back\\slash",
        "<tag>&amp;",
        "[list]{set}",
        "*star*",
        "at@colon:x",
        "...",
        "x..y",
        ".hidden",
        "%2e%2e/x",
        "end.",
        "$HOME",
        "a|b",
        "^`",
        "comma,equals=",
    ];
    let keys: Vec<Key> = names.iter().map(|name| Key::from(format!("odd/{name}"))).collect();
    let body = |key: &Key| Bytes::from(format!("content of {key}"));
    for key in &keys {
        let result = store.put(key, body(key), PutMode::Overwrite).await;
        result.unwrap_or_else(|error| unreachable!("{key}: {error} {:?}", std::error::Error::source(&error)));
    }
    for key in &keys {
        assert_eq!(read(store, key).await.map(Bytes::from), Some(body(key)), "{key}");
    }
    let mut listed: Vec<Key> = metas_under(store, "odd/")
        .await
        .into_iter()
        .map(|meta| meta.key)
        .collect();
    let mut expected = keys.clone();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    for result in store.delete(&keys).await {
        result.expect("delete");
    }
    assert!(keys_under(store, "odd/").await.is_empty());
}

/// A key that the store (or its client) would fold into another is refused, or held as it is; another object is never reached.
pub async fn refused_keys_reach_nothing(store: &dyn Store) {
    let innocent = ["refused/a/b", "refused/q", "b", "refused/x"];
    for name in innocent {
        put(store, &Key::from(name), "innocent").await;
    }
    for name in [
        "refused/a//b",
        "refused/./q",
        "refused/p/../q",
        "refused/a/../../b",
        "refused/x/..",
        "refused/x/.",
        "/b",
        "refused/x/",
        "refused//x",
        "refused/c:",
        "refused/c|",
    ] {
        let key = Key::from(name);
        match store.put(&key, Bytes::from_static(b"guilty"), PutMode::Overwrite).await {
            Ok(_) => {
                assert!(
                    metas_under(store, "").await.iter().any(|meta| meta.key == key),
                    "{name} was folded"
                );
                assert_eq!(read(store, &key).await.as_deref(), Some(&b"guilty"[..]));
                delete(store, &key).await;
            }
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::InvalidKey, "{name}: {error}");
                assert_ne!(
                    kind(store.get(&key, None, None).await.map(|found| assert!(found.is_none()))),
                    Some(StoreErrorKind::Other)
                );
            }
        }
        let deleted = store.delete(std::slice::from_ref(&key)).await;
        assert_eq!(deleted.len(), 1);
        for name in innocent {
            assert_eq!(
                read(store, &Key::from(name)).await.as_deref(),
                Some(&b"innocent"[..]),
                "{name} after {key}"
            );
        }
    }
    let empty = store.put(&Key::root(), Bytes::new(), PutMode::Overwrite).await;
    assert_eq!(kind(empty), Some(StoreErrorKind::InvalidKey));
    for name in innocent {
        delete(store, &Key::from(name)).await;
    }
}

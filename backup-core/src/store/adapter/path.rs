//! Keys as paths of `object_store`, byte for byte or not at all.

use crate::store::{Key, StoreError, StoreErrorKind, StoreResult};
use object_store::path::Path;

/// S3, GCS and Azure take no longer names.
const LONGEST_KEY: usize = 1024;

/// The path of `key` under `root`, if `object_store` would send it unchanged.
///
/// `Path` strips slashes at both ends and refuses empty, `.` and `..` segments and control characters; what is left is percent-encoded
/// strictly, so that no URL parser on the way folds it.
pub(in crate::store) fn exact(root: &str, key: &Key, operation: &'static str) -> StoreResult<Path> {
    let refuse = |why: &str| StoreError::new(StoreErrorKind::InvalidKey, operation, key).because(why);
    let Some(text) = key.as_str() else {
        return Err(refuse("it is not UTF-8"));
    };
    if text.is_empty() {
        return Err(refuse("it is empty"));
    }
    let full = rooted(root, text);
    if full.len() > LONGEST_KEY {
        return Err(refuse("it is longer than 1024 bytes with the repository's prefix"));
    }
    let path = Path::parse(&full)
        .map_err(|error| StoreError::new(StoreErrorKind::InvalidKey, operation, key).because(error))?;
    if path.as_ref() == full {
        Ok(path)
    } else {
        Err(refuse("it begins or ends with a slash"))
    }
}

/// `text` under `root`, with a slash between if there is a root.
pub(super) fn rooted(root: &str, text: &str) -> String {
    if root.is_empty() {
        text.to_owned()
    } else {
        format!("{root}/{text}")
    }
}

/// The key of `full` relative to `root`; `None` if it lies elsewhere.
pub(in crate::store) fn relative(root: &str, full: &[u8]) -> Option<Key> {
    if root.is_empty() {
        return Some(Key::new(full));
    }
    let rest = full.strip_prefix(root.as_bytes())?.strip_prefix(b"/")?;
    Some(Key::new(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_byte_for_byte_or_refused() {
        for held in [
            "a", "a/b", "a b", "ü/é", "100%", "a%2fb", "%2e%2e/x", "a+b~c", "it's", "\"q\"", "a\\b", "...", " a ",
        ] {
            assert_eq!(
                exact("root", &Key::from(held), "put").unwrap().as_ref(),
                format!("root/{held}")
            );
        }
        for refused in ["", "/", "a//b", "p/./q", "x/..", "../x", "/a", "a/", "a\nb", "a\x00"] {
            let error = exact("root", &Key::from(refused), "put").unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::InvalidKey, "{refused:?}");
        }
        assert!(exact("", &Key::new(vec![0xff]), "put").is_err());
        assert!(exact("root", &Key::from("k".repeat(1020)), "put").is_err());
    }

    #[test]
    fn keys_are_relative_to_the_root() {
        assert_eq!(relative("a", b"a//b"), Some(Key::from("/b")));
        assert_eq!(relative("", b"a"), Some(Key::from("a")));
        assert_eq!(relative("a", b"ab/c"), None);
    }
}

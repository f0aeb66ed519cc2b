//! Object keys.

use std::fmt;

/// The name of an object, relative to the root of its store.
///
/// Bytes as S3 has them: nothing is normalised, `a//b` and `a/b` differ. An adapter that cannot hold a key byte for byte refuses it. The empty
/// key is the root and only good as a prefix.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(Vec<u8>);

impl Key {
    /// The empty key: the prefix of everything.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// A key of exactly these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// This key with `suffix` behind it, with nothing in between.
    #[must_use]
    pub fn with(&self, suffix: impl AsRef<[u8]>) -> Self {
        let mut bytes = self.0.clone();
        bytes.extend_from_slice(suffix.as_ref());
        Self(bytes)
    }

    /// What follows `prefix`, if the key starts with it.
    #[must_use]
    pub fn strip_prefix(&self, prefix: &Key) -> Option<&[u8]> {
        self.0.strip_prefix(prefix.0.as_slice())
    }

    /// Whether this is the empty key.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

/// Shows control characters and bytes that are not UTF-8 escaped, so that a hostile name cannot write to the operator's terminal.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() {
                    write!(f, "{}", character.escape_default())?
                } else {
                    write!(f, "{character}")?
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_keys_hold_no_control_characters() {
        assert_eq!(Key::new(b"a\x1b[2J\xff\n".to_vec()).to_string(), "a\\u{1b}[2J\\xff\\n");
    }

    #[test]
    fn keys_are_not_normalised() {
        assert_ne!(Key::from("a//b"), Key::from("a/b"));
        assert_eq!(Key::from("a/").with("../b").as_bytes(), b"a/../b");
    }
}

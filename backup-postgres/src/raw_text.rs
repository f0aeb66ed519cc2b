//! Text as a server holds it: bytes in an encoding of its own.

use crate::connection::get;
use backup_core::Result;
use std::fmt::{self, Write};
use tokio_postgres::Row;

/// Bytes that are text in the encoding of a database. They are what is compared: names of one database have its encoding on the server and in its dumps,
/// and names of the whole server (roles, databases) have whatever the session had that gave them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RawText(Vec<u8>);

impl RawText {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One character for each byte, for those who read SQL by its ASCII alone: no encoding of a database has ASCII inside of another character.
    pub(crate) fn to_chars(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }

    /// The way back from [`RawText::to_chars`].
    pub(crate) fn from_chars(chars: &str) -> Self {
        Self(
            chars
                .chars()
                .map(|character| u8::try_from(character).unwrap_or(b'?'))
                .collect(),
        )
    }
}

/// An SQL expression for the bytes of `expression`, a name or a text: no encoding of a session changes them, and none has to know them. The server's own
/// functions for encodings refuse what is none of the database that asks, as the name of a role that was made in another; the input of `bytea` reads bytes.
pub(crate) fn bytes_of(expression: &str) -> String {
    format!("pg_catalog.replace(({expression})::pg_catalog.text, E'\\\\', E'\\\\\\\\')::pg_catalog.bytea")
}

/// A column that is an expression of [`bytes_of`].
pub(crate) fn get_raw(row: &Row, column: usize) -> Result<RawText> {
    Ok(RawText(get(row, column)?))
}

impl From<Vec<u8>> for RawText {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&str> for RawText {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_owned())
    }
}

impl PartialEq<str> for RawText {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for RawText {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// UTF-8 as it is, every other byte as `\xE4`.
impl fmt::Display for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                write!(text, "\\x{byte:02X}")?;
            }
        }
        f.pad(&text)
    }
}

impl fmt::Debug for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_encoding_are_shown_and_never_taken_for_others() {
        let latin1 = RawText::from(b"gr\xf6\xdfe".to_vec());
        let utf8 = RawText::from("größe");
        assert_eq!(
            (latin1.to_string(), utf8.to_string()),
            (r"gr\xF6\xDFe".into(), "größe".into())
        );
        assert_ne!(latin1, utf8);
        for text in [latin1, utf8, RawText::default()] {
            assert_eq!(RawText::from_chars(&text.to_chars()), text);
        }
    }
}

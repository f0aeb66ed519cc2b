//! Public names of keys.

use crate::{Error, ErrorKind, Result, hex};
use std::{fmt, str::FromStr};

/// Eight bytes that name a key without giving it away, shown as 16 hexadecimal digits. Two keys may share one by accident: a key is tried, never
/// trusted, because of its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for KeyId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        hex::decode(text)
            .map(Self)
            .ok_or_else(|| Error::new(ErrorKind::Damaged, "the id of a key is not 16 hexadecimal digits"))
    }
}

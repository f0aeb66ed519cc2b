//! One line of an index.

use crate::{Error, ErrorKind, Result};
use bytes::Bytes;

/// Longest key, in bytes. S3 allows 1,024; a path of a data directory may be 4,096 (`PATH_MAX`).
pub const MAX_KEY_LEN: usize = 4096;
/// Longest value, in bytes.
pub const MAX_VALUE_LEN: usize = 64 * 1024;
/// Length of the two lengths before each record.
pub(super) const HEAD_LEN: usize = 6;

/// A key, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the order: any bytes, at least one.
    pub key: Bytes,
    /// What it means is the affair of whoever wrote it.
    pub value: Bytes,
}

impl Record {
    /// Bytes that it takes in an index.
    pub(super) fn encoded_len(&self) -> usize {
        HEAD_LEN + self.key.len() + self.value.len()
    }

    /// Appends it to `out`.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if the key is empty, or one of both is too long; `out` is as it was.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        let (key, value) = (self.key.len(), self.value.len());
        if key == 0 || key > MAX_KEY_LEN || value > MAX_VALUE_LEN {
            let message = format!("an index cannot hold a key of {key} bytes with a value of {value}");
            return Err(Error::new(ErrorKind::Refused, message));
        }
        out.extend_from_slice(&(key as u16).to_le_bytes());
        out.extend_from_slice(&(value as u32).to_le_bytes());
        out.extend_from_slice(&self.key);
        out.extend_from_slice(&self.value);
        Ok(())
    }
}

/// The lengths of key and value at the beginning of a record; `None` while they are not all there.
///
/// # Errors
/// [`ErrorKind::Damaged`] if no record is that long.
pub(super) fn lengths(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some((head, _)) = bytes.split_first_chunk::<HEAD_LEN>() else {
        return Ok(None);
    };
    let [a, b, c, d, e, f] = *head;
    let (key, value) = (
        usize::from(u16::from_le_bytes([a, b])),
        u32::from_le_bytes([c, d, e, f]) as usize,
    );
    if key == 0 || key > MAX_KEY_LEN || value > MAX_VALUE_LEN {
        return Err(damaged(format!(
            "a record claims a key of {key} bytes with a value of {value}"
        )));
    }
    Ok(Some((key, value)))
}

pub(super) fn damaged(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Damaged, what).context("read an index")
}

/// A key for messages: as text, with what is no printable ASCII escaped.
pub(super) fn shown(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

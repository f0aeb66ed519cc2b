//! Records out of bytes that come in pieces.

use super::record::{HEAD_LEN, Record, damaged, lengths, shown};
use crate::Result;
use bytes::{Buf, Bytes, BytesMut};

/// Reads records. Memory: what was pushed and not taken, a record that is not all there, and a key.
#[derive(Debug, Default)]
pub struct RecordDecoder {
    /// Whole pieces are not copied: records share their memory.
    piece: Bytes,
    /// The beginning of a record that goes on in the next piece.
    begun: BytesMut,
    last: Option<Bytes>,
}

impl RecordDecoder {
    /// A decoder that begins behind the key `after`: for readers that begin at a later frame.
    #[must_use]
    pub fn behind(after: Bytes) -> Self {
        Self {
            last: Some(after),
            ..Self::default()
        }
    }

    /// Takes the next bytes, cut anywhere; only when [`RecordDecoder::take`] has given all that was whole before.
    pub fn push(&mut self, bytes: Bytes) {
        if self.piece.is_empty() {
            self.piece = bytes;
        } else {
            self.begun.extend_from_slice(&self.piece);
            self.piece = bytes;
        }
    }

    /// The next record; `None` until more bytes are pushed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Damaged`] if a length is out of bounds, or a key does not come after the one before.
    pub fn take(&mut self) -> Result<Option<Record>> {
        let Some(record) = self.whole()? else { return Ok(None) };
        if let Some(last) = self.last.as_ref().filter(|last| **last >= record.key) {
            return Err(damaged(format!(
                "key {} does not come after {}",
                shown(&record.key),
                shown(last)
            )));
        }
        // A copy: a key must not keep its whole block in memory.
        self.last = Some(Bytes::copy_from_slice(&record.key));
        Ok(Some(record))
    }

    /// Says that there are no more bytes.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Damaged`] if a record is not all there.
    pub fn finish(self) -> Result<()> {
        if self.piece.is_empty() && self.begun.is_empty() {
            Ok(())
        } else {
            Err(damaged("it ends within a record"))
        }
    }

    fn whole(&mut self) -> Result<Option<Record>> {
        if !self.begun.is_empty() {
            return self.complete();
        }
        let Some((key, value)) = lengths(&self.piece)? else {
            return Ok(None);
        };
        if self.piece.len() < HEAD_LEN + key + value {
            return Ok(None);
        }
        Ok(Some(split(&mut self.piece, key, value)))
    }

    /// Goes on with a record that began in an earlier piece: only that record is copied.
    fn complete(&mut self) -> Result<Option<Record>> {
        if !self.extend_to(HEAD_LEN) {
            return Ok(None);
        }
        let Some((key, value)) = lengths(&self.begun)? else {
            return Ok(None);
        };
        if !self.extend_to(HEAD_LEN + key + value) {
            return Ok(None);
        }
        Ok(Some(split(&mut self.begun.split().freeze(), key, value)))
    }

    fn extend_to(&mut self, length: usize) -> bool {
        let missing = length.saturating_sub(self.begun.len()).min(self.piece.len());
        self.begun.extend_from_slice(&self.piece.split_to(missing));
        self.begun.len() >= length
    }
}

fn split(bytes: &mut Bytes, key: usize, value: usize) -> Record {
    bytes.advance(HEAD_LEN);
    Record {
        key: bytes.split_to(key),
        value: bytes.split_to(value),
    }
}

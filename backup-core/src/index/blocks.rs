//! Records in ascending order, cut into blocks.

use super::record::{MAX_KEY_LEN, MAX_VALUE_LEN, Record, shown};
use super::{RecordStream, record::HEAD_LEN};
use crate::{Error, ErrorKind, Result, frames::MAX_FRAME_LEN, pipeline::ByteStream};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

/// A block is full when it holds this many bytes: small enough that looking one key up reads little, large enough to compress well.
pub const BLOCK_LEN: usize = 256 * 1024;

// A block becomes one frame, with the record that filled it.
const _: () = assert!(BLOCK_LEN + HEAD_LEN + MAX_KEY_LEN + MAX_VALUE_LEN <= MAX_FRAME_LEN);

/// Cuts records into blocks. Each block begins with a whole record and ends with one. Memory: one block, and a key.
#[derive(Debug, Default)]
pub struct Blocks {
    block: Vec<u8>,
    last: Option<Bytes>,
}

impl Blocks {
    /// Takes the next record; a block, if it is full now.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if its key does not come after the one before; [`ErrorKind::Refused`] if it is too long for an index.
    pub fn push(&mut self, record: Record) -> Result<Option<Bytes>> {
        if let Some(last) = self.last.as_ref().filter(|last| **last >= record.key) {
            let message = format!(
                "key {} of an index does not come after {}",
                shown(&record.key),
                shown(last)
            );
            return Err(Error::new(ErrorKind::Internal, message));
        }
        if self.block.is_empty() {
            self.block.reserve(BLOCK_LEN + record.encoded_len());
        }
        record.encode(&mut self.block)?;
        self.last = Some(record.key);
        Ok((self.block.len() >= BLOCK_LEN).then(|| self.take()))
    }

    /// The last block; `None` if nothing is left.
    #[must_use]
    pub fn finish(mut self) -> Option<Bytes> {
        (!self.block.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.block).into()
    }
}

/// The blocks of a stream of records: each piece is one block. It ends without an error only if the records did.
pub fn blocks(records: RecordStream) -> ByteStream {
    let state = (records, Some(Blocks::default()));
    stream::try_unfold(state, |(mut records, blocks)| async move {
        let Some(mut blocks) = blocks else { return Ok(None) };
        while let Some(record) = records.try_next().await? {
            if let Some(block) = blocks.push(record)? {
                return Ok(Some((block, (records, Some(blocks)))));
            }
        }
        Ok(blocks.finish().map(|block| (block, (records, None))))
    })
    .boxed()
}

//! The records of an index as a stream.

use super::{Record, RecordDecoder};
use crate::{Result, pipeline::ByteStream};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};

/// Records in ascending order of their keys.
pub type RecordStream = BoxStream<'static, Result<Record>>;

/// The records in `content`, the content of an index from its beginning. It ends without an error only if `content` does, with a whole record.
/// Memory: a piece of `content`.
#[must_use]
pub fn records(content: ByteStream) -> RecordStream {
    let state = (content, Some(RecordDecoder::default()));
    stream::try_unfold(state, |(mut content, decoder)| async move {
        let Some(mut decoder) = decoder else { return Ok(None) };
        loop {
            if let Some(record) = decoder.take()? {
                return Ok(Some((record, (content, Some(decoder)))));
            }
            match content.try_next().await? {
                Some(bytes) => decoder.push(bytes),
                None => {
                    decoder.finish()?;
                    return Ok(None);
                }
            }
        }
    })
    .boxed()
}

//! Cuts a stream into frames of one size.

use super::source::ByteStream;
use crate::Result;
use bytes::{Buf, Bytes, BytesMut};
use futures::TryStreamExt;

/// Reads a stream frame by frame.
pub(super) struct Frames {
    stream: ByteStream,
    size: usize,
    rest: Bytes,
}

impl Frames {
    pub(super) fn new(stream: ByteStream, size: usize) -> Self {
        Self {
            stream,
            size,
            rest: Bytes::new(),
        }
    }

    /// The next `size` bytes, or fewer at the end; `None` after it. The end has then been vouched for.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        let mut frame = BytesMut::with_capacity(self.size);
        while frame.len() < self.size {
            if self.rest.is_empty() {
                match self.stream.try_next().await? {
                    Some(bytes) => self.rest = bytes,
                    None => break,
                }
            }
            let take = self.rest.len().min(self.size - frame.len());
            frame.extend_from_slice(&self.rest[..take]);
            self.rest.advance(take);
        }
        Ok(if frame.is_empty() { None } else { Some(frame.freeze()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, stream};

    #[tokio::test]
    async fn frames_are_full_but_the_last() {
        let pieces = [5usize, 0, 9, 1, 1].map(|length| Ok(Bytes::from(vec![1; length])));
        let mut frames = Frames::new(stream::iter(pieces).boxed(), 7);
        let mut sizes = Vec::new();
        while let Some(frame) = frames.next().await.unwrap() {
            sizes.push(frame.len());
        }
        assert_eq!(sizes, [7, 7, 2]);
    }
}

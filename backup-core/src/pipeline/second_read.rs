//! A stream that is read twice, and must be the same both times.

use super::ByteStream;
use crate::{Error, ErrorKind, Result};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};

/// What is compared, and held back until it was, at once.
const BLOCK: usize = 1 << 20;

/// What a first reading saw: a digest of each block of 1 MiB. Memory: 32 bytes for each.
///
/// Whoever looks a stream over before he uses it, and reads it again to use it, uses what he has never seen if somebody writes to the store in between. Some
/// stores can be asked for the version of before, some cannot; a digest needs no store's word.
#[derive(Debug, Clone, Default)]
pub struct FirstRead(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    blocks: Vec<[u8; 32]>,
    /// The block that is not full yet.
    begun: Sha256,
    begun_len: usize,
    ended: bool,
}

impl Seen {
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.begun_len));
            self.begun.update(now);
            self.begun_len += now.len();
            bytes = later;
            if self.begun_len == BLOCK {
                self.close_block();
            }
        }
    }

    fn close_block(&mut self) {
        let digest = std::mem::take(&mut self.begun).finalize();
        self.blocks.push(digest.into());
        self.begun_len = 0;
    }

    fn end(&mut self) {
        if self.begun_len > 0 {
            self.close_block();
        }
        self.ended = true;
    }

    /// Whether this block, the last if it is shorter than others, is what was seen. What no first reading came to is anything.
    fn holds(&self, index: usize, block: &[u8]) -> bool {
        match self.blocks.get(index) {
            Some(seen) => Sha256::digest(block).as_slice() == seen,
            None => !self.ended,
        }
    }
}

impl FirstRead {
    /// The same stream; what goes by is remembered.
    pub fn of(&self, stream: ByteStream) -> ByteStream {
        let reading = (stream, self.clone());
        stream::try_unfold(reading, |(mut stream, seen)| async move {
            let piece = stream.try_next().await?;
            match &piece {
                Some(bytes) => seen.with(|seen| seen.update(bytes)),
                // Only a stream that ended well was read to its end.
                None => seen.with(Seen::end),
            }
            Ok(piece.map(|bytes| (bytes, (stream, seen))))
        })
        .boxed()
    }

    /// A second reading: no byte of a block comes out before all of it was found to be what the first reading saw there, and it ends where that
    /// ended. What lies behind the place that the first reading came to is not compared. Memory: one block.
    ///
    /// # Errors
    /// An item is [`ErrorKind::Damaged`] if the stream is another one by now.
    #[must_use]
    pub fn again(&self, stream: ByteStream) -> ByteStream {
        let reading = Again {
            seen: self.clone(),
            stream,
            rest: Bytes::new(),
            index: 0,
            ended: false,
        };
        stream::try_unfold(reading, |mut reading| async move {
            Ok(reading.next().await?.map(|block| (block, reading)))
        })
        .boxed()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Again {
    seen: FirstRead,
    stream: ByteStream,
    rest: Bytes,
    index: usize,
    ended: bool,
}

impl Again {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let block = self.block().await?;
        let index = self.index;
        self.index += 1;
        let same = self.seen.with(|seen| match block.is_empty() {
            true => !seen.ended || seen.blocks.len() <= index,
            false => seen.holds(index, &block),
        });
        if !same {
            return Err(Error::new(
                ErrorKind::Damaged,
                "it is not what it was when it was looked over: it was overwritten in between",
            )
            .hint("nothing that was not looked over was used; find out who writes there, then try again"));
        }
        Ok((!block.is_empty()).then_some(block))
    }

    /// A whole block, or what there is at the end.
    async fn block(&mut self) -> Result<Bytes> {
        let mut block = BytesMut::with_capacity(BLOCK);
        while block.len() < BLOCK && !self.ended {
            if self.rest.is_empty() {
                match self.stream.try_next().await? {
                    Some(bytes) => self.rest = bytes,
                    None => self.ended = true,
                }
            }
            let take = self.rest.len().min(BLOCK - block.len());
            block.extend_from_slice(&self.rest.split_to(take));
        }
        Ok(block.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(bytes: &[u8], size: usize) -> ByteStream {
        let pieces: Vec<Result<Bytes>> = bytes
            .chunks(size)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        stream::iter(pieces).boxed()
    }

    async fn all(stream: ByteStream) -> Result<Vec<u8>> {
        let pieces: Vec<Bytes> = stream.try_collect().await?;
        Ok(pieces.concat())
    }

    fn data(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * i % 251) as u8).collect()
    }

    #[tokio::test]
    async fn what_is_the_same_comes_through_however_it_is_cut() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let (first, bytes) = (FirstRead::default(), data(length));
            assert!(all(first.of(pieces(&bytes, 7777))).await.unwrap() == bytes);
            assert!(all(first.again(pieces(&bytes, 100_001))).await.unwrap() == bytes);
        }
    }

    #[tokio::test]
    async fn no_byte_of_a_block_that_changed_comes_out() {
        let (first, bytes) = (FirstRead::default(), data(2 * BLOCK + 500));
        all(first.of(pieces(&bytes, 50_000))).await.unwrap();
        for at in [0, BLOCK - 1, BLOCK, 2 * BLOCK + 499] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            let mut again = first.again(pieces(&other, 9999));
            let mut seen = Vec::new();
            let error = loop {
                match again.try_next().await {
                    Ok(Some(block)) => seen.extend_from_slice(&block),
                    Ok(None) => panic!("byte {at} was not missed"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(seen.len() == at / BLOCK * BLOCK && bytes.starts_with(&seen));
        }
        let longer = [&bytes[..], b"x"].concat();
        let shorter = &bytes[..bytes.len() - 1];
        let cut = &bytes[..2 * BLOCK];
        for other in [&longer[..], shorter, cut] {
            assert_eq!(
                all(first.again(pieces(other, 50_000))).await.unwrap_err().kind(),
                ErrorKind::Damaged
            );
        }
    }

    #[tokio::test]
    async fn what_the_first_reading_did_not_come_to_is_not_compared() {
        let (first, bytes) = (FirstRead::default(), data(3 * BLOCK));
        let mut begun = first.of(pieces(&bytes, BLOCK));
        begun.try_next().await.unwrap();
        drop(begun);
        let mut other = bytes.clone();
        other[BLOCK] ^= 1;
        assert!(all(first.again(pieces(&other, 12_345))).await.unwrap() == other);
        other[0] ^= 1;
        assert!(all(first.again(pieces(&other, 12_345))).await.is_err());
    }

    #[tokio::test]
    async fn a_first_reading_that_failed_did_not_end() {
        let (first, bytes) = (FirstRead::default(), data(BLOCK));
        let failed = stream::iter([Err(Error::new(ErrorKind::StoreFailed, "broken"))]);
        assert!(
            all(first.of(pieces(&bytes, BLOCK).chain(failed).boxed()))
                .await
                .is_err()
        );
        let longer = [&bytes[..], b"x"].concat();
        assert!(all(first.again(pieces(&longer, BLOCK))).await.unwrap() == longer);
    }
}

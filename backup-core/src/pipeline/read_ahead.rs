//! Reading and looking at what was read, at the same time.

use super::ByteStream;
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Pieces that wait for the consumer: one that it can take at once, and one while that is on its way.
const PIECES: usize = 2;

/// The same bytes, read by a task of their own that is at most two pieces ahead; it starts with the first poll and ends when the stream is dropped.
/// A stream that ended without an error was read to its end: a task that dies is an error.
pub(super) fn read_ahead(bytes: ByteStream) -> ByteStream {
    stream::once(async { begin(bytes) }).flatten().boxed()
}

/// The end is sent too: a channel that closes proves nothing.
type Piece = Option<Result<Bytes>>;

fn begin(bytes: ByteStream) -> ByteStream {
    let (sender, pieces) = mpsc::channel(PIECES);
    let task = AbortOnDropHandle::new(tokio::spawn(read(bytes, sender)));
    let state = (pieces, task);
    stream::try_unfold(state, |mut state| async move {
        match state.0.recv().await {
            Some(Some(piece)) => piece.map(|piece| Some((piece, state))),
            Some(None) => Ok(None),
            None => Err(Error::new(ErrorKind::Internal, "a reader stopped before the end")),
        }
    })
    .boxed()
}

async fn read(bytes: ByteStream, pieces: mpsc::Sender<Piece>) {
    let mut bytes = bytes.map(Some).chain(stream::iter([None]));
    while let Some(piece) = bytes.next().await {
        let last = !matches!(piece, Some(Ok(_)));
        // Nobody waits for it any more, or nothing follows.
        if pieces.send(piece).await.is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    fn pieces(end: Option<Error>) -> ByteStream {
        let good = (0..10u8).map(|n| Ok(Bytes::from(vec![n; 3])));
        stream::iter(good).chain(stream::iter(end.map(Err))).boxed()
    }

    #[tokio::test]
    async fn what_is_read_ahead_comes_in_order_to_the_end_or_the_error() {
        let all: Vec<Bytes> = read_ahead(pieces(None)).try_collect().await.unwrap();
        assert_eq!(all.concat(), (0..10u8).flat_map(|n| [n; 3]).collect::<Vec<_>>());
        let broken = Error::new(ErrorKind::Damaged, "flipped");
        let mut stream = read_ahead(pieces(Some(broken)));
        for _ in 0..10 {
            assert!(stream.try_next().await.unwrap().is_some());
        }
        assert_eq!(stream.try_next().await.unwrap_err().kind(), ErrorKind::Damaged);
    }

    #[tokio::test]
    async fn a_reader_that_dies_is_no_end() {
        let dies = stream::poll_fn(|_| panic!("the reader died")).boxed();
        let error = read_ahead(dies).try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }

    #[tokio::test]
    async fn it_is_little_ahead_and_ends_with_its_consumer() {
        let (count, read) = tokio::sync::watch::channel(0);
        let endless = stream::repeat_with(move || {
            count.send_modify(|count| *count += 1);
            Ok(Bytes::from_static(b"x"))
        });
        let mut stream = read_ahead(endless.boxed());
        stream.try_next().await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(*read.borrow() <= PIECES + 2, "{}", *read.borrow());
        drop(stream);
        while read.has_changed().is_ok() {
            tokio::task::yield_now().await;
        }
    }
}

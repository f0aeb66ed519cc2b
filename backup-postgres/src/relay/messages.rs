//! PostgreSQL's messages in a stream of bytes (protocol 3, "Message Formats" of its manual).

use bytes::{Buf, Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What is read at once.
const PIECE: usize = 64 << 10;
/// Longer messages are not looked at, of whatever kind they are: what is answered or changed here is short.
const LONGEST: usize = 1024;
/// Byte of the kind, and the length, which counts itself.
const HEAD: usize = 5;

/// What comes next in a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Messages, and parts of messages, that are passed on as they are.
    Passed(Bytes),
    /// One whole message of a kind that is looked at.
    Message(Bytes),
}

/// Cuts a stream where it has to be looked at. Memory: one piece.
#[derive(Debug)]
pub(super) struct Messages<R> {
    stream: R,
    kinds: &'static [u8],
    buffer: BytesMut,
    /// Bytes of the message that is being passed on.
    left: usize,
    /// The first message of a client has a length alone.
    untyped: bool,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    /// Of what a client sends, beginning with its start-up message; `kinds` are looked at.
    pub(super) fn of_client(stream: R, kinds: &'static [u8]) -> Self {
        Self {
            untyped: true,
            ..Self::of_server(stream, kinds)
        }
    }

    /// Of what a server sends; `kinds` are looked at.
    pub(super) fn of_server(stream: R, kinds: &'static [u8]) -> Self {
        Self {
            stream,
            kinds,
            buffer: BytesMut::with_capacity(PIECE),
            left: 0,
            untyped: false,
        }
    }

    /// Whether all that was given out are whole messages.
    pub(super) fn between_messages(&self) -> bool {
        self.left == 0
    }

    /// The next piece; `None` at the end of the stream. Cancel-safe.
    pub(super) async fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            let passed = self.passable()?;
            if passed > 0 {
                return Ok(Some(Piece::Passed(self.buffer.split_to(passed).freeze())));
            }
            if let Some(length) = self.whole()? {
                return Ok(Some(Piece::Message(self.buffer.split_to(length).freeze())));
            }
            self.buffer.reserve(PIECE);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// How much of the buffer is passed on without a look.
    fn passable(&mut self) -> io::Result<usize> {
        let mut at = 0;
        loop {
            let part = self.left.min(self.buffer.len() - at);
            at += part;
            self.left -= part;
            match head(&self.buffer[at..], self.untyped)? {
                Some((kind, length)) if self.left == 0 && !self.looked_at(kind, length) => {
                    self.left = length;
                    self.untyped = false;
                }
                _ => return Ok(at),
            }
        }
    }

    /// The length of the message that the buffer begins with, once it is there.
    fn whole(&self) -> io::Result<Option<usize>> {
        let length = head(&self.buffer, self.untyped)?.map(|(_, length)| length);
        Ok(length.filter(|length| self.left == 0 && self.buffer.len() >= *length))
    }

    fn looked_at(&self, kind: Option<u8>, length: usize) -> bool {
        kind.is_some_and(|kind| self.kinds.contains(&kind)) && length <= LONGEST
    }
}

/// Kind and whole length of the message at the beginning of `bytes`, as soon as they are there.
fn head(bytes: &[u8], untyped: bool) -> io::Result<Option<(Option<u8>, usize)>> {
    let kind = if untyped { 0 } else { 1 };
    if bytes.len() < HEAD - 1 + kind {
        return Ok(None);
    }
    let length = (&bytes[kind..]).get_u32() as usize;
    if length < HEAD - 1 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a message is shorter than its length",
        ));
    }
    Ok(Some((bytes[..kind].first().copied(), kind + length)))
}

/// A message of `kind` with `body`.
pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

/// The content of a message.
pub(super) fn body(message: &[u8]) -> &[u8] {
    message.get(HEAD..).unwrap_or_default()
}

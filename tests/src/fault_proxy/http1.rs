//! As much of HTTP/1.1 (RFC 9112) as a proxy must know: where a message ends.

use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

/// Start line and fields, with the empty line that ends them.
#[derive(Debug)]
pub(super) struct Head {
    text: String,
}

impl Head {
    /// `None` when the connection ends between two messages.
    pub(super) async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Self>> {
        let mut text = String::new();
        loop {
            let before = text.len();
            if reader.read_line(&mut text).await? == 0 {
                return if before == 0 {
                    Ok(None)
                } else {
                    Err(ErrorKind::UnexpectedEof.into())
                };
            }
            if &text[before..] == "\r\n" {
                return Ok(Some(Self { text }));
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// `METHOD path?query` of a request.
    pub(super) fn request(&self) -> String {
        self.text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// Status of an answer.
    pub(super) fn status(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or_default()
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.text.lines().filter_map(|line| line.split_once(':'));
        fields
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .next()
    }

    /// True if the field holds this word, in any case.
    pub(super) fn says(&self, name: &str, word: &str) -> bool {
        self.field(name)
            .is_some_and(|value| value.to_ascii_lowercase().contains(word))
    }

    pub(super) fn without(&self, name: &str) -> Self {
        let keep = |line: &&str| {
            !line
                .split_once(':')
                .is_some_and(|(field, _)| field.eq_ignore_ascii_case(name))
        };
        Self {
            text: self.text.split_inclusive('\n').filter(keep).collect(),
        }
    }
}

/// A body as it stands on the wire, chunk sizes included, and where in it the payload is.
#[derive(Debug, Default)]
pub(super) struct Body {
    wire: Vec<u8>,
    payload: Vec<Range<usize>>,
    ends_connection: bool,
}

impl Body {
    /// Body of a request: without a length there is none.
    pub(super) async fn of_request(head: &Head, reader: &mut (impl AsyncBufRead + Unpin), pace: Pace) -> Result<Self> {
        Self::read(head, reader, pace).await.map(Option::unwrap_or_default)
    }

    /// Body of an answer: without a length it ends with the connection.
    pub(super) async fn of_answer(head: &Head, reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Self> {
        if let Some(body) = Self::read(head, reader, Pace::Full).await? {
            return Ok(body);
        }
        let mut wire = Vec::new();
        let length = reader.read_to_end(&mut wire).await?;
        Ok(Self {
            wire,
            payload: std::iter::once(0..length).collect(),
            ends_connection: true,
        })
    }

    async fn read(head: &Head, reader: &mut (impl AsyncBufRead + Unpin), pace: Pace) -> Result<Option<Self>> {
        let mut body = Self::default();
        if head.says("transfer-encoding", "chunked") {
            body.read_chunks(reader, pace).await?;
        } else if let Some(length) = head.field("content-length") {
            let length = length
                .parse()
                .map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
            body.read_payload(reader, length, pace).await?;
        } else {
            return Ok(None);
        }
        Ok(Some(body))
    }

    async fn read_chunks(&mut self, reader: &mut (impl AsyncBufRead + Unpin), pace: Pace) -> Result<()> {
        loop {
            let line = self.read_line(reader).await?;
            let size = line.trim().split(';').next().unwrap_or_default();
            match u64::from_str_radix(size, 16).map_err(|error| Error::new(ErrorKind::InvalidData, error))? {
                0 => break,
                length => self.read_payload(reader, length, pace).await?,
            }
            self.read_line(reader).await?;
        }
        // Trailers, and the empty line after them.
        while self.read_line(reader).await? != "\r\n" {}
        Ok(())
    }

    async fn read_line(&mut self, reader: &mut (impl AsyncBufRead + Unpin)) -> Result<String> {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.wire.extend(line.as_bytes());
        Ok(line)
    }

    async fn read_payload(&mut self, reader: &mut (impl AsyncBufRead + Unpin), length: u64, pace: Pace) -> Result<()> {
        let start = self.wire.len();
        let mut left = length;
        while left > 0 {
            let piece = left.min(pace.piece());
            if reader.take(piece).read_to_end(&mut self.wire).await? as u64 != piece {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            left -= piece;
            pace.wait(piece).await;
        }
        self.payload.push(start..self.wire.len());
        Ok(())
    }

    /// True if only the end of the connection ended it.
    pub(super) fn ends_connection(&self) -> bool {
        self.ends_connection
    }

    pub(super) fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// What the body is for who reads it, without chunk sizes.
    pub(super) fn payload(&self) -> Vec<u8> {
        let pieces = self.payload.iter().map(|range| &self.wire[range.clone()]);
        pieces.collect::<Vec<_>>().concat()
    }

    /// Flips the lowest bit of the byte in the middle of the payload; false if there is none.
    pub(super) fn flip_middle_bit(&mut self) -> bool {
        let length: usize = self.payload.iter().map(ExactSizeIterator::len).sum();
        let middle = self.payload.iter().cloned().flatten().nth(length / 2);
        if let Some(position) = middle {
            self.wire[position] ^= 1;
        }
        middle.is_some()
    }
}

/// How fast a body passes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    Full,
    BytesPerSecond(u64),
}

impl Pace {
    /// Ten pieces a second.
    fn piece(self) -> u64 {
        match self {
            Self::Full => u64::MAX,
            Self::BytesPerSecond(rate) => (rate / 10).max(1),
        }
    }

    async fn wait(self, bytes: u64) {
        if let Self::BytesPerSecond(rate) = self {
            sleep(Duration::from_micros(bytes.saturating_mul(1_000_000) / rate.max(1))).await;
        }
    }

    pub(super) async fn write(self, writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<()> {
        let piece = usize::try_from(self.piece()).unwrap_or(usize::MAX);
        for part in bytes.chunks(piece) {
            writer.write_all(part).await?;
            self.wait(part.len() as u64).await;
        }
        writer.flush().await
    }
}

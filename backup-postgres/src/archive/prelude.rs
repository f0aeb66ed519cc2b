//! Statements that a restore runs first, in its own session and transaction.
//!
//! `pg_restore` runs the definition of the entry `SEARCHPATH` right after it has begun its transaction, before it drops or creates anything
//! (`_doSetFixedOutputState` in `pg_backup_archiver.c`). What is appended to that definition runs there too. Nothing else in the archive changes:
//! `pg_restore` reads it from a pipe, and there it takes no place of a block from the table of contents.

use super::{
    Limits,
    budget::Budget,
    field::int,
    header::{HeaderEnd, HeaderReader},
};
use backup_core::{Error, Result};
use bytes::{Bytes, BytesMut};
use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};

/// Entries among which it is: `pg_dump` writes it as the third.
const SEARCHED: u64 = 8;
/// Bytes among which it is.
const BUFFERED: usize = 1 << 20;
/// Sign and magnitude.
const INT: usize = 5;
/// State and position.
const OFFSET: usize = 9;

/// The archive in `stream`, with `statements` to be run first. Where there is no place for them it stays as it is: a layout that is not known, or one that no
/// `pg_dump` writes.
pub(crate) fn with_prelude(
    stream: impl Stream<Item = Result<Bytes>> + Send + 'static,
    statements: Vec<u8>,
) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let begin = async move {
        let mut stream = stream.boxed();
        let (held, place, failed) = beginning(&mut stream).await;
        let head = match place {
            Place::At { length, end } => inserted(&held, (length, end), &statements),
            Place::Nowhere | Place::Later => held.freeze(),
        };
        stream::iter([Some(Ok(head)), failed.map(Err)].into_iter().flatten()).chain(stream)
    };
    stream::once(begin).flatten()
}

/// Where a text is: the place of its length, and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    At {
        length: usize,
        end: usize,
    },
    Nowhere,
    /// It has not come yet.
    Later,
}

/// What came until the place was known, and the error that came instead.
async fn beginning(stream: &mut BoxStream<'static, Result<Bytes>>) -> (BytesMut, Place, Option<Error>) {
    let mut held = BytesMut::new();
    loop {
        match stream.next().await {
            Some(Ok(bytes)) => held.extend_from_slice(&bytes),
            Some(Err(error)) => return (held, Place::Nowhere, Some(error)),
            None => return (held, Place::Nowhere, None),
        }
        match search(&held).unwrap_or_else(|place| place) {
            Place::Later if held.len() < BUFFERED => {}
            place => return (held, place, None),
        }
    }
}

fn inserted(held: &[u8], (length, end): (usize, usize), statements: &[u8]) -> Bytes {
    let text = &held[length + INT..end];
    let total = u32::try_from(text.len() + statements.len()).unwrap_or(u32::MAX);
    [
        &held[..length],
        &[0],
        &total.to_le_bytes(),
        text,
        statements,
        &held[end..],
    ]
    .concat()
    .into()
}

/// Both are places: `Err` ends the search before its end.
fn search(bytes: &[u8]) -> Result<Place, Place> {
    let mut rest = bytes;
    let mut budget = Budget::new(Limits::default());
    let header = match HeaderReader::new().read(&mut rest, &mut budget) {
        Ok(Some(HeaderEnd::Toc(header))) => header,
        Ok(Some(HeaderEnd::Unknown(_))) | Err(_) => return Err(Place::Nowhere),
        Ok(None) => return Err(Place::Later),
    };
    let mut entries = Entries {
        bytes,
        at: bytes.len() - rest.len(),
        minor: header.version.1,
    };
    for _ in 0..header.entries.min(SEARCHED) {
        if let Some(place) = entries.next()? {
            return Ok(place);
        }
    }
    Err(Place::Nowhere)
}

struct Entries<'a> {
    bytes: &'a [u8],
    at: usize,
    minor: u8,
}

impl<'a> Entries<'a> {
    /// Passes over an entry; the place of its definition if it is the one.
    fn next(&mut self) -> Result<Option<Place>, Place> {
        // Id, whether there is data, and the two numbers of the object, as texts.
        self.take(2 * INT)?;
        self.texts(2)?;
        self.text()?;
        let kind = self.text()?;
        self.take(INT)?;
        let length = self.at;
        self.text()?;
        let end = self.at;
        // Drop, copy, schema, tablespace; access method; kind of relation; owner, and a word of old.
        self.texts(if self.minor >= 14 { 5 } else { 4 })?;
        self.take(if self.minor >= 16 { INT } else { 0 })?;
        self.texts(2)?;
        while self.text()?.is_some() {}
        self.take(OFFSET)?;
        Ok((kind == Some(b"SEARCHPATH")).then_some(Place::At { length, end }))
    }

    fn texts(&mut self, count: usize) -> Result<(), Place> {
        (0..count).try_for_each(|_| self.text().map(drop))
    }

    fn text(&mut self) -> Result<Option<&'a [u8]>, Place> {
        let mut head = [0; 9];
        head[..INT].copy_from_slice(self.take(INT)?);
        match int(head).map_err(|_| Place::Nowhere)? {
            -1 => Ok(None),
            length => self
                .take(usize::try_from(length).map_err(|_| Place::Nowhere)?)
                .map(Some),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Place> {
        let end = self.at.saturating_add(count);
        let taken = self.bytes.get(self.at..end).ok_or(Place::Later)?;
        self.at = end;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::synthetic::{Entry, archive, example};
    use futures::TryStreamExt;

    fn example_with(minor: u8, more: &str) -> Vec<u8> {
        let search_path = Entry {
            definition: format!("SELECT pg_catalog.set_config('search_path', '', false);\n{more}"),
            ..Entry::new("SEARCHPATH", "SEARCHPATH")
        };
        let entries = [Entry::new("ENCODING", "ENCODING"), search_path, Entry::data("t", 3)];
        archive(minor, 0, &entries)
    }

    async fn through(bytes: &[u8], piece: usize) -> Vec<u8> {
        let pieces: Vec<_> = bytes
            .chunks(piece)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let stream = with_prelude(stream::iter(pieces), b"SELECT 1;\n".to_vec());
        stream.try_collect::<Vec<Bytes>>().await.unwrap().concat()
    }

    #[tokio::test]
    async fn statements_stand_where_pg_dump_would_have_written_them() {
        for minor in 12..=16 {
            let bytes = example_with(minor, "");
            for piece in [1, 7, bytes.len()] {
                assert_eq!(through(&bytes, piece).await, example_with(minor, "SELECT 1;\n"));
            }
        }
    }

    #[tokio::test]
    async fn an_archive_without_a_place_for_them_and_one_that_is_cut_stay_as_they_are() {
        let (whole, cut) = (example(14), &example_with(14, "")[..150]);
        for bytes in [&whole[..], cut, b"PGDMP\x01\x63\x00\x04\x08\x01 unknown", b"nothing"] {
            assert_eq!(through(bytes, 5).await, bytes);
        }
    }

    #[tokio::test]
    async fn an_error_of_the_stream_comes_through() {
        let failing = stream::iter([
            Ok(Bytes::copy_from_slice(&example_with(14, "")[..50])),
            Err(Error::new(backup_core::ErrorKind::Damaged, "cut")),
        ]);
        let items: Vec<_> = with_prelude(failing, Vec::new()).collect().await;
        assert!(items.len() == 2 && items[1].is_err());
    }
}

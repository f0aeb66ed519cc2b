//! The archive that a restore onto a live database gets: statements that run first, and entries that do nothing.
//!
//! `pg_restore` runs the definition of the entry `SEARCHPATH` right after it has begun its transaction, before it drops or creates anything
//! (`_doSetFixedOutputState` in `pg_backup_archiver.c`). What is appended to that definition runs there too. An entry whose definition is a comment and
//! whose drop statement is empty does nothing, and its owner is not set. Nothing else in the archive changes: `pg_restore` reads it from a pipe, and there it
//! takes no place of a block from the table of contents.

use super::{
    Limits,
    budget::Budget,
    field::int,
    header::{HeaderEnd, HeaderReader},
};
use backup_core::Result;
use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt, stream, stream::BoxStream};
use std::collections::BTreeSet;

/// How much of an entry that has not come whole is waited for. What is larger stays as it is, with all that follows.
const BUFFERED: usize = 64 << 20;
/// Sign and magnitude.
const INT: usize = 5;
/// State and position.
const OFFSET: usize = 9;

/// What is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edits {
    /// Statements that run first, in the session and transaction of the restore.
    pub(crate) first: Vec<u8>,
    /// Kinds and tags of entries that do nothing: what they are about is there, and stays.
    pub(crate) kept: BTreeSet<(&'static str, Vec<u8>)>,
    /// Whether the statements that run first undo defaults and views: `pg_dump` writes drop statements for them that fail where a column or a type is gone.
    pub(crate) undone: bool,
}

enum Phase {
    Header,
    Toc { left: u64, minor: u8 },
    Rest,
}

struct Editor {
    inner: BoxStream<'static, Result<Bytes>>,
    held: BytesMut,
    phase: Phase,
    edits: Edits,
}

/// The archive in `stream` with `edits`. Where the layout is not known it stays as it is.
pub(crate) fn edited(
    stream: impl Stream<Item = Result<Bytes>> + Send + 'static,
    edits: Edits,
) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let editor = Editor {
        inner: stream.boxed(),
        held: BytesMut::new(),
        phase: Phase::Header,
        edits,
    };
    stream::unfold(editor, |mut editor| async move {
        let piece = editor.next().await?;
        Some((piece, editor))
    })
}

impl Editor {
    async fn next(&mut self) -> Option<Result<Bytes>> {
        loop {
            match self.inner.next().await {
                Some(Ok(bytes)) if matches!(self.phase, Phase::Rest) => return Some(Ok(bytes)),
                Some(Ok(bytes)) => self.held.extend_from_slice(&bytes),
                Some(Err(error)) => return Some(Err(error)),
                None if self.held.is_empty() => return None,
                None => self.phase = Phase::Rest,
            }
            let ready = self.ready();
            if !ready.is_empty() {
                return Some(Ok(ready.freeze()));
            }
        }
    }

    /// What can go on of what is held.
    fn ready(&mut self) -> BytesMut {
        let mut out = BytesMut::new();
        let stopped = loop {
            match self.step(&mut out) {
                Ok(()) if matches!(self.phase, Phase::Rest) => break Stop::Foreign,
                Ok(()) => {}
                Err(stop) => break stop,
            }
        };
        if stopped == Stop::Foreign || self.held.len() > BUFFERED {
            self.phase = Phase::Rest;
            out.unsplit(self.held.split());
        }
        out
    }

    fn step(&mut self, out: &mut BytesMut) -> Result<(), Stop> {
        match self.phase {
            Phase::Header => {
                let (length, entries, minor) = header(&self.held)?;
                out.extend_from_slice(&self.held[..length]);
                self.held.advance(length);
                self.phase = Phase::Toc { left: entries, minor };
            }
            Phase::Toc { left: 0, .. } | Phase::Rest => self.phase = Phase::Rest,
            Phase::Toc { left, minor } => {
                let entry = Fields {
                    bytes: &self.held,
                    at: 0,
                    minor,
                }
                .entry()?;
                entry.write(&self.held, &self.edits, out);
                let end = entry.end;
                self.held.advance(end);
                self.phase = Phase::Toc { left: left - 1, minor };
            }
        }
        Ok(())
    }
}

/// Why nothing can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// No `pg_dump` writes this.
    Foreign,
    /// It has not come yet.
    Later,
}

/// Length, entries, and minor version.
fn header(bytes: &[u8]) -> Result<(usize, u64, u8), Stop> {
    let mut rest = bytes;
    let mut budget = Budget::new(Limits::default());
    match HeaderReader::new().read(&mut rest, &mut budget) {
        Ok(Some(HeaderEnd::Toc(header))) => Ok((bytes.len() - rest.len(), header.entries, header.version.1)),
        Ok(Some(HeaderEnd::Unknown(_))) | Err(_) => Err(Stop::Foreign),
        Ok(None) => Err(Stop::Later),
    }
}

/// Where the parts of an entry are: texts with their lengths.
struct Entry {
    tag: (usize, usize),
    kind: (usize, usize),
    definition: (usize, usize),
    drop: (usize, usize),
    end: usize,
}

impl Entry {
    fn write(&self, bytes: &[u8], edits: &Edits, out: &mut BytesMut) {
        let text = |(from, to): (usize, usize)| bytes.get(from + INT..to).unwrap_or_default();
        let (kind, tag) = (text(self.kind), text(self.tag));
        let kept = edits.kept.iter().any(|(k, t)| k.as_bytes() == kind && t == tag);
        out.extend_from_slice(&bytes[..self.definition.0]);
        if kept {
            put(out, &[b"-- is there\n"]);
            put(out, &[]);
        } else if kind == b"SEARCHPATH" {
            put(out, &[text(self.definition), &edits.first]);
            out.extend_from_slice(&bytes[self.drop.0..self.drop.1]);
        } else if edits.undone && (kind == b"DEFAULT" || kind == b"RULE" && tag.ends_with(b" _RETURN")) {
            out.extend_from_slice(&bytes[self.definition.0..self.definition.1]);
            put(out, &[]);
        } else {
            out.extend_from_slice(&bytes[self.definition.0..self.drop.1]);
        }
        out.extend_from_slice(&bytes[self.drop.1..self.end]);
    }
}

fn put(out: &mut BytesMut, parts: &[&[u8]]) {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&[0]);
    out.extend_from_slice(&u32::try_from(total).unwrap_or(u32::MAX).to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    minor: u8,
}

impl Fields<'_> {
    fn entry(&mut self) -> Result<Entry, Stop> {
        // Id, whether there is data, and the two numbers of the object, as texts.
        self.skip(2 * INT)?;
        self.texts(2)?;
        let (tag, kind) = (self.text()?, self.text()?);
        self.skip(INT)?;
        let (definition, drop) = (self.text()?, self.text()?);
        // Copy, schema, tablespace; access method; kind of relation; owner, and a word of old.
        self.texts(if self.minor >= 14 { 4 } else { 3 })?;
        self.skip(if self.minor >= 16 { INT } else { 0 })?;
        self.texts(2)?;
        while !self.is_null()? {
            self.text()?;
        }
        self.skip(INT + OFFSET)?;
        Ok(Entry {
            tag,
            kind,
            definition,
            drop,
            end: self.at,
        })
    }

    fn texts(&mut self, count: usize) -> Result<(), Stop> {
        (0..count).try_for_each(|_| self.text().map(drop))
    }

    fn text(&mut self) -> Result<(usize, usize), Stop> {
        let from = self.at;
        let length = self.length()?;
        self.skip(INT + usize::try_from(length).unwrap_or(0))?;
        Ok((from, self.at))
    }

    fn is_null(&self) -> Result<bool, Stop> {
        Ok(self.length()? == -1)
    }

    fn length(&self) -> Result<i64, Stop> {
        let mut head = [0; 9];
        head[..INT].copy_from_slice(self.bytes.get(self.at..self.at + INT).ok_or(Stop::Later)?);
        int(head).ok().filter(|length| *length >= -1).ok_or(Stop::Foreign)
    }

    fn skip(&mut self, count: usize) -> Result<(), Stop> {
        let end = self.at.saturating_add(count);
        self.bytes.get(self.at..end).ok_or(Stop::Later)?;
        self.at = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::synthetic::{Entry, archive, example};
    use backup_core::{Error, ErrorKind};
    use futures::TryStreamExt;

    fn entry(kind: &'static str, tag: &str, definition: &str) -> Entry {
        Entry {
            definition: definition.into(),
            ..Entry::new(kind, tag)
        }
    }

    /// With what is run first, and what stands for the schema `there`.
    fn example_with(minor: u8, first: &str, there: &str) -> Vec<u8> {
        let path = format!("SELECT pg_catalog.set_config('search_path', '', false);\n{first}");
        let entries = [
            Entry::new("ENCODING", "ENCODING"),
            entry("SEARCHPATH", "SEARCHPATH", &path),
            entry("SCHEMA", "there", there),
            entry("EXTENSION", "there", "CREATE EXTENSION there"),
            entry("SCHEMA", "other", "CREATE SCHEMA other"),
            Entry::data("t", 3),
        ];
        archive(minor, 0, &entries)
    }

    fn edits() -> Edits {
        Edits {
            first: b"SELECT 1;\n".to_vec(),
            kept: [("SCHEMA", b"there".to_vec())].into(),
            undone: true,
        }
    }

    async fn through(bytes: &[u8], piece: usize, edits: Edits) -> Vec<u8> {
        let pieces: Vec<_> = bytes
            .chunks(piece)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let stream = edited(stream::iter(pieces), edits);
        stream.try_collect::<Vec<Bytes>>().await.unwrap().concat()
    }

    #[tokio::test]
    async fn what_is_named_is_changed_and_nothing_else() {
        for minor in 12..=16 {
            let bytes = example_with(minor, "", "CREATE SCHEMA there");
            for piece in [1, 7, bytes.len()] {
                let expected = example_with(minor, "SELECT 1;\n", "-- is there\n");
                assert_eq!(through(&bytes, piece, edits()).await, expected);
                assert_eq!(through(&bytes, piece, Edits::default()).await, bytes);
            }
        }
    }

    #[tokio::test]
    async fn an_archive_that_is_not_known_or_cut_stays_as_it_is() {
        let whole = example(14);
        for length in 0..whole.len() {
            assert_eq!(through(&whole[..length], 5, edits()).await, &whole[..length]);
        }
        for bytes in [&b"PGDMP\x01\x63\x00\x04\x08\x01 unknown"[..], b"nothing"] {
            assert_eq!(through(bytes, 5, edits()).await, bytes);
        }
    }

    #[tokio::test]
    async fn an_error_of_the_stream_comes_through() {
        let failing = stream::iter([
            Ok(Bytes::copy_from_slice(&example_with(14, "", "")[..50])),
            Err(Error::new(ErrorKind::Damaged, "cut")),
        ]);
        let items: Vec<_> = edited(failing, Edits::default()).collect().await;
        assert!(items.iter().any(Result::is_err));
    }
}

//! What is parsed from outside, each as a function of any bytes: the bodies of the fuzz targets in `fuzz/`, and of the property tests beside this file.
//!
//! They panic where a parser breaks a promise. Memory: a constant and some copies of `bytes`.

use crate::{
    ErrorKind,
    catalog::{
        Evidence, Manifest, StartedMarker,
        document::{self, Document},
        lease::LeaseBody,
        repository::RepositoryDocument,
    },
    frames::{FOOTER_LEN, FrameDecoder, FrameReader, MAX_FRAME_LEN, SeekTable},
    hex,
    keys::{Keyring, sha256},
    seal::{Expected, Header, Opener, RangeOpener},
};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// `key.kek` of `docs/FORMAT.md`, section 8: opens the objects in `tests/golden`, from which mutations begin.
const KEK: &str = "pbe1:kek:cd095dbb670972bfc7486d435f9f43eba57043a1f5d3f3147537421dba385a35:1b2be8a6";

/// A PBE1 object: whether it opens, and to what, does not depend on how it arrives.
pub fn sealed_object(bytes: &[u8]) {
    let (Ok(Some(header)), Ok(ring)) = (Header::parse(bytes), Keyring::documented(KEK)) else {
        return;
    };
    let (expected, ring) = (
        Expected::new(header.spec().repository, &header.spec().logical_path),
        Arc::new(ring),
    );
    let whole = opened(bytes, bytes.len(), &expected, &ring);
    assert_eq!(
        whole,
        opened(bytes, 997, &expected, &ring),
        "pieces open to something else"
    );
    assert_eq!(
        whole,
        opened_by_range(bytes, &expected, &ring),
        "ranges open to something else"
    );
}

fn opened(bytes: &[u8], step: usize, expected: &Expected, ring: &Arc<Keyring>) -> Option<Vec<u8>> {
    let (mut opener, mut out) = (Opener::new(expected.clone(), ring.clone()), Vec::new());
    for piece in bytes.chunks(step) {
        opener.update(piece, &mut out).ok()?;
    }
    opener.finish(&mut out).ok().map(|_| out)
}

fn opened_by_range(bytes: &[u8], expected: &Expected, ring: &Keyring) -> Option<Vec<u8>> {
    let opener = RangeOpener::new(bytes, bytes.len() as u64, expected, ring).ok()?;
    let (all, mut out) = (0..opener.plain_len(), Vec::new());
    let stored = opener.stored_range(&all).ok()?;
    let stored = bytes.get(usize::try_from(stored.start).ok()?..usize::try_from(stored.end).ok()?)?;
    opener.open(&all, stored, &mut out).ok().map(|()| out)
}

/// Compressed content: what decodes does so in any pieces, and its seek table finds the same content again.
pub fn frames(bytes: &[u8]) {
    let whole = decoded(bytes, bytes.len().max(1));
    assert_eq!(whole, decoded(bytes, 7), "pieces decode to something else");
    let table = table_of(bytes);
    if whole.is_some() {
        assert_eq!(
            whole,
            table.and_then(|table| located(bytes, &table)),
            "the seek table finds something else"
        );
    }
}

/// Length and digest of some content.
type Content = (u64, [u8; 32]);

fn decoded(bytes: &[u8], step: usize) -> Option<Content> {
    let (mut decoder, mut seen) = (FrameDecoder::new().ok()?, Seen::default());
    let mut out = Vec::new();
    for mut piece in bytes.chunks(step) {
        while !piece.is_empty() {
            let taken = decoder.update(piece, &mut out).ok()?;
            assert!(out.len() <= MAX_FRAME_LEN, "one call gave {} bytes", out.len());
            seen.add(&mut out);
            piece = &piece[taken..];
        }
    }
    decoder.finish().ok().map(|()| seen.content())
}

fn table_of(bytes: &[u8]) -> Option<SeekTable> {
    let length = SeekTable::encoded_len(bytes.last_chunk::<FOOTER_LEN>()?).ok()?;
    let begin = bytes.len().checked_sub(usize::try_from(length).ok()?)?;
    let table = SeekTable::parse(&bytes[begin..], begin as u64).ok()?;
    assert_eq!(table.encode(), &bytes[begin..], "a seek table has one form only");
    Some(table)
}

fn located(bytes: &[u8], table: &SeekTable) -> Option<Content> {
    let (mut reader, mut seen) = (FrameReader::new().ok()?, Seen::default());
    let (mut begin, mut out) = (0, Vec::new());
    for frame in table.frames() {
        let end = begin + frame.compressed as usize;
        reader.read(*frame, &bytes[begin..end], &mut out).ok()?;
        seen.add(&mut out);
        begin = end;
    }
    Some(seen.content())
}

#[derive(Default)]
struct Seen(u64, Sha256);

impl Seen {
    fn add(&mut self, out: &mut Vec<u8>) {
        self.0 += out.len() as u64;
        self.1.update(&*out);
        out.clear();
    }

    fn content(self) -> Content {
        (self.0, self.1.finalize().into())
    }
}

/// A signed document or a lease entry: what is read can be written, and is then read again.
///
/// The bytes are taken for a whole document, and for a line of JSON with the right digest, which no mutation would hit upon.
pub fn document(bytes: &[u8]) {
    as_document::<Manifest>(bytes);
    as_document::<Evidence>(bytes);
    as_document::<StartedMarker>(bytes);
    as_document::<RepositoryDocument>(bytes);
    LeaseBody::decode(bytes);
}

fn as_document<T: Document>(bytes: &[u8]) {
    let digest = hex::encode(&sha256(&[bytes]));
    let line = format!("\npbe1-{} sha256={digest}\n", T::KIND.name());
    for bytes in [bytes, &[bytes, line.as_bytes()].concat()] {
        let Ok(read) = document::decode::<T>(bytes, None) else {
            continue;
        };
        let again = document::encode(&read.value, None).and_then(|bytes| document::decode::<T>(&bytes, None));
        assert!(again.is_ok(), "{again:?}", again = again.err());
    }
}

/// The text of a key file.
pub fn key_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (parsed, added) = (
        Keyring::parse(text, "keys"),
        Keyring::default().add_public(text, "keys"),
    );
    assert!(parsed.as_ref().is_ok_and(|ring| !ring.keys().is_empty()) || kind_of(parsed) == Some(ErrorKind::Key));
    assert!(matches!(kind_of(added), None | Some(ErrorKind::Key)));
}

fn kind_of<T>(result: crate::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// An answer of S3: a list of objects, of uploads, or an error.
pub fn s3_answer(bytes: &[u8]) {
    crate::store::read_s3_answer(bytes);
}

#[cfg(test)]
mod tests;

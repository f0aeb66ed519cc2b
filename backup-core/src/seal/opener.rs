//! From stored bytes to content.

use super::{
    Expected, Header, MAX_HEADER_LEN, PREAMBLE_LEN, SEALED_CHUNK_LEN, TAG_LEN, damaged,
    schedule::{PayloadKeys, Salt},
    sizes::cut,
};
use crate::{Error, ErrorKind, Result, keys::Keyring};
use std::sync::Arc;

/// Opens one object from its first byte to its last.
///
/// Memory: the header, or one chunk. What was given out is authentic, but not known to be all of it before [`Opener::finish`] said so: whoever
/// cannot take back what he did with it opens the object twice.
#[derive(Debug)]
pub struct Opener {
    expected: Expected,
    ring: Arc<Keyring>,
    state: State,
    /// Stored bytes that are not worked off yet: of the header, or of a chunk.
    rest: Vec<u8>,
    stored: u64,
}

#[derive(Debug)]
enum State {
    Header,
    Payload(Box<(Header, PayloadKeys)>, u64),
    Failed,
}

impl Opener {
    /// Opens with any key of the ring, if the object is the expected one.
    #[must_use]
    pub fn new(expected: Expected, ring: Arc<Keyring>) -> Self {
        Self {
            expected,
            ring,
            state: State::Header,
            rest: Vec::new(),
            stored: 0,
        }
    }

    /// The header, once it is authenticated.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        match &self.state {
            State::Payload(opened, _) => Some(&opened.0),
            State::Header | State::Failed => None,
        }
    }

    /// Takes the next stored bytes, cut anywhere, and appends the content of each chunk that is complete to `out`: at most `stored.len()` and one chunk.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if the bytes are damaged or not what is expected, [`ErrorKind::Key`] if no key opens them. `out` may hold content of the
    /// chunks before; every later call fails too.
    pub fn update(&mut self, stored: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let state = std::mem::replace(&mut self.state, State::Failed);
        self.stored += stored.len() as u64;
        self.state = match state {
            State::Failed => return Err(Error::new(ErrorKind::Internal, "the object failed to open before")),
            State::Header => self.read_header(stored, out)?,
            State::Payload(opened, chunks) => {
                let chunks = self.read_chunks(&opened.1, chunks, stored, out)?;
                State::Payload(opened, chunks)
            }
        };
        Ok(())
    }

    fn read_header(&mut self, stored: &[u8], out: &mut Vec<u8>) -> Result<State> {
        // Never more in memory than the longest header: what comes after it stays where it is.
        let room = (MAX_HEADER_LEN + PREAMBLE_LEN).saturating_sub(self.rest.len());
        let (head, tail) = stored.split_at(stored.len().min(room));
        self.rest.extend_from_slice(head);
        let Some((header, keys)) = open_begin(&self.rest, &self.expected, &self.ring)? else {
            return Ok(State::Header);
        };
        let begin = usize::try_from(header.payload_offset())
            .unwrap_or(usize::MAX)
            .saturating_add(PREAMBLE_LEN);
        let begun = std::mem::replace(&mut self.rest, Vec::with_capacity(SEALED_CHUNK_LEN));
        let chunks = self.read_chunks(&keys, 0, begun.get(begin..).unwrap_or_default(), out)?;
        let chunks = self.read_chunks(&keys, chunks, tail, out)?;
        Ok(State::Payload(Box::new((header, keys)), chunks))
    }

    /// A full chunk is never the last one, so it is opened as soon as it is there. Returns the number of chunks opened by now.
    fn read_chunks(
        &mut self,
        keys: &PayloadKeys,
        mut chunks: u64,
        mut stored: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<u64> {
        if !self.rest.is_empty() {
            let (head, tail) = stored.split_at(stored.len().min(SEALED_CHUNK_LEN - self.rest.len()));
            self.rest.extend_from_slice(head);
            stored = tail;
            if self.rest.len() < SEALED_CHUNK_LEN {
                return Ok(chunks);
            }
            keys.open(chunks, &self.rest, out)?;
            chunks += 1;
            self.rest.clear();
        }
        let mut full = stored.chunks_exact(SEALED_CHUNK_LEN);
        for chunk in full.by_ref() {
            keys.open(chunks, chunk, out)?;
            chunks += 1;
        }
        self.rest.extend_from_slice(full.remainder());
        Ok(chunks)
    }

    /// Says that there are no more stored bytes, and appends the content of the last chunk to `out`.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] unless these were exactly the bytes of the whole object.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<Header> {
        let (header, keys, chunks) = match self.state {
            State::Payload(opened, chunks) => (opened.0, opened.1, chunks),
            State::Header => return Err(ends_in_header(&self.rest)),
            State::Failed => return Err(Error::new(ErrorKind::Internal, "the object failed to open before")),
        };
        self.expected.check_length(self.stored)?;
        if self.rest.len() < TAG_LEN {
            return Err(cut());
        }
        keys.open(chunks, &self.rest, out)?;
        Ok(header)
    }
}

/// The header at the beginning of an object, checked in the order of the format; `None` if there is more of it to come.
pub(super) fn open_begin(bytes: &[u8], expected: &Expected, ring: &Keyring) -> Result<Option<(Header, PayloadKeys)>> {
    let Some(header) = Header::parse(bytes)? else {
        return Ok(None);
    };
    expected.check(&header)?;
    let offset = usize::try_from(header.payload_offset()).unwrap_or(usize::MAX);
    let Some(preamble) = bytes.get(offset..).and_then(<[u8]>::first_chunk::<PREAMBLE_LEN>) else {
        return Ok(None);
    };
    let (salt, commitment) = preamble.split_at(size_of::<Salt>());
    let mut exact: Salt = [0; 24];
    exact.copy_from_slice(salt);
    let keys = header.unlock(ring, &exact, commitment)?;
    Ok(Some((header, keys)))
}

pub(crate) fn ends_in_header(rest: &[u8]) -> Error {
    if rest.is_empty() {
        return damaged("this is not a sealed object: it is empty");
    }
    damaged(format!(
        "the sealed object is cut short: it ends within its header, after {} bytes",
        rest.len()
    ))
}

//! A sealed object without its manifest: carried away from its store.

use super::{object_reader::Opening, source::ByteStream};
use crate::{
    Error, Result,
    keys::Keyring,
    seal::{Expected, Header, ends_in_header},
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use std::{fmt, sync::Arc};

/// A sealed object of which nothing is known but its own bytes. What its header says is a claim until content comes out of it; and even then nobody
/// says that it is the backup that is meant, the newest, or the whole of one that goes on in further objects.
pub struct LooseObject {
    header: Header,
    stored: ByteStream,
}

impl fmt::Debug for LooseObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LooseObject")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl LooseObject {
    /// Reads the header at the beginning of `stored`, the bytes of a whole object. Needs no key. Memory: the header, and one piece of the stream.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Damaged`] if it does not begin with a whole header; those of the stream.
    pub async fn begin(mut stored: ByteStream) -> Result<Self> {
        let mut seen = BytesMut::new();
        loop {
            if let Some(header) = Header::parse(&seen)? {
                let seen = stream::iter([Ok(seen.freeze())]);
                let stored = seen.chain(stored).boxed();
                return Ok(Self { header, stored });
            }
            match stored.try_next().await? {
                Some(bytes) => seen.extend_from_slice(&bytes),
                None => return Err(ends_in_header(&seen)),
            }
        }
    }

    /// What the object claims to be.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its content, opened and decompressed. Every byte was authenticated, together with all that the header says; the stream ends without an error
    /// only if the object was whole. Memory: one piece of the stream, and one zstd frame.
    #[must_use]
    pub fn content(self, keyring: Option<Arc<Keyring>>) -> ByteStream {
        let begin = async move {
            let opening = Opening::of(claims(&self.header), keyring)?;
            let reading = Reading {
                stored: self.stored,
                opening,
                ended: false,
            };
            Ok::<_, Error>(stream::try_unfold(reading, Reading::next))
        };
        stream::once(begin).try_flatten().boxed()
    }
}

/// The object must be what it says itself: the MAC of the header proves that.
fn claims(header: &Header) -> Expected {
    let spec = header.spec();
    Expected {
        component: Some(spec.component.clone()),
        ..Expected::new(spec.repository, spec.logical_path.clone()).with_file_id(header.file_id())
    }
}

struct Reading {
    stored: ByteStream,
    opening: Opening,
    ended: bool,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        loop {
            if let Some(bytes) = self.opening.take()? {
                return Ok(Some((bytes, self)));
            }
            if self.ended {
                self.opening.finish()?;
                return Ok(None);
            }
            match self.stored.try_next().await? {
                Some(bytes) => self.opening.feed(&bytes)?,
                None => {
                    self.opening.end()?;
                    self.ended = true;
                }
            }
        }
    }
}

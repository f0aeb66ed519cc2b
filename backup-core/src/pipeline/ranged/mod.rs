//! Any part of an artifact's content.

mod object;

#[cfg(test)]
mod tests;

use super::ContentSource;
use crate::{Error, ErrorKind, Result, catalog::Artifact};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object::RangedObject;
use std::ops::Range;

/// Objects that are opened at once.
const OPENED_AT_ONCE: usize = 4;

/// An artifact that was opened and can be read at any place.
///
/// Every byte of a sealed artifact that comes out was authenticated, in its place in the artifact that the manifest means; what was not read is not proved.
/// All reads are of the versions of the objects that were there when it was opened: one that is overwritten meanwhile is an error. Memory: the seek tables, 8 bytes
/// for each frame, and while it reads the range itself, twice, with a frame at both of its ends.
#[derive(Debug)]
pub struct Ranged {
    name: String,
    objects: Vec<RangedObject>,
    length: u64,
}

impl Ranged {
    /// Opens the objects of `artifact`: header and seek table of each are read.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if an object is missing, is not the recorded one, or they do not hold as much as was backed up; [`ErrorKind::Key`] without
    /// a key that opens them; those of the store.
    pub async fn open(source: &ContentSource, artifact: &Artifact) -> Result<Self> {
        let objects = stream::iter(artifact.objects.clone());
        let opening = objects.map(|record| RangedObject::open(source, record));
        let objects: Vec<RangedObject> = opening.buffered(OPENED_AT_ONCE).try_collect().await?;
        let length = objects
            .iter()
            .fold(0, |sum: u64, object| sum.saturating_add(object.content_len()));
        if length != artifact.plain_length {
            let (name, recorded) = (&artifact.name, artifact.plain_length);
            let message =
                format!("the objects of {name} hold {length} bytes of content where {recorded} were backed up");
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        Ok(Self {
            name: artifact.name.clone(),
            objects,
            length,
        })
    }

    /// Length of the content, in bytes.
    #[must_use]
    pub fn content_len(&self) -> u64 {
        self.length
    }

    /// Whether what is read was proved. Parts of an object that the store encrypts are not: its digest covers the whole of it. Read
    /// [`super::content`] to its end where that matters.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.objects.iter().all(RangedObject::is_sealed)
    }

    /// Where the content can be entered cheaply: the frames, each as its range of the content, in order. One range for an object without frames.
    pub fn frames(&self) -> impl Iterator<Item = Range<u64>> {
        self.starts().flat_map(|(start, object)| {
            let frames = object.frames();
            frames.map(move |frame| start + frame.start..start + frame.end)
        })
    }

    /// Reads this range of the content.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it is not within the content; [`ErrorKind::Damaged`] if an object does not open there, or is another one by now; those of the store.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        if range.start > range.end || range.end > self.length {
            let Range { start, end } = range;
            let message = format!(
                "bytes {start} to {end} of {} were asked for, and it has {}",
                self.name, self.length
            );
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let mut content = Vec::new();
        for (start, object) in self.starts() {
            let end = start + object.content_len();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                object.read(from - start..to - start, &mut content).await?;
            }
        }
        Ok(content.into())
    }

    /// The objects, each with where its content begins in that of the artifact.
    fn starts(&self) -> impl Iterator<Item = (u64, &RangedObject)> {
        self.objects.iter().scan(0, |next, object| {
            let start = *next;
            *next += object.content_len();
            Some((start, object))
        })
    }
}

//! An artifact that is taken in as a whole before its first byte goes to the store.

use super::{
    hold::{Held, Hold, SpoolRoom},
    object::{ObjectFacts, ObjectWriter},
    packing::{ObjectName, Packing},
    record::{Progress, Progressed, Recorder},
    source::Source,
    spool::Spool,
};
use crate::{Error, ErrorKind, Result, clock::Entropy};
use bytes::Bytes;
use futures::TryStreamExt;
use std::fmt;

/// Ciphertext goes into the file in pieces of about this size.
const SEGMENT: usize = 1 << 20;

/// A whole artifact that waits, encrypted, until it may be stored. Dropping it frees everything.
pub struct Staged(pub(super) Waiting);

pub(super) enum Waiting {
    /// The very bytes that will be sent.
    Made(Made),
    /// Content that is made into objects when it is sent: it is to be compressed, or stored as it is.
    Content(Spool),
}

/// Objects, one behind the other. All parts have one size but the last of each object.
pub(super) struct Made {
    name: ObjectName,
    objects: Vec<ObjectFacts>,
    pub(super) held: Held,
    plain_length: u64,
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Waiting::Made(made) => write!(
                f,
                "Staged({} bytes in {} objects)",
                made.plain_length,
                made.objects.len()
            ),
            Waiting::Content(spool) => write!(f, "Staged({spool:?})"),
        }
    }
}

impl Recorder {
    /// Takes in all of `source` and sends nothing: for a source that must not wait for the store, or whose end has to be known before anything is
    /// stored. What is sealed and not compressed is sealed here, once, for the name under which it will be recorded; anything else waits under a key of
    /// its own, for which `entropy` is. Memory: `room.memory`, and two parts. Dropping the future frees everything.
    ///
    /// # Errors
    /// That of the source, if it fails or does not vouch for its end; [`ErrorKind::Internal`] if the folder of `room` has no room.
    pub async fn stage(
        &self,
        name: &ObjectName,
        source: Source,
        room: &SpoolRoom,
        entropy: &dyn Entropy,
    ) -> Result<Staged> {
        let waiting = match &self.packing {
            Packing::Sealed(_) if !name.compress => Waiting::Made(self.make(name, source, room).await?),
            Packing::Sealed(_) | Packing::Raw(_) => Waiting::Content(Spool::fill(source, room, entropy).await?),
        };
        Ok(Staged(waiting))
    }

    async fn make(&self, name: &ObjectName, source: Source, room: &SpoolRoom) -> Result<Made> {
        let mut making = Making {
            recorder: self,
            name,
            writer: self.begin_object(name, 1)?,
            hold: Hold::new(room.clone()),
            made: Vec::new(),
            objects: Vec::new(),
            plain_length: 0,
        };
        let mut stream = source.into_stream();
        while let Some(piece) = stream.try_next().await? {
            making.absorb(&piece).await?;
        }
        making.finish().await
    }

    /// Sends what was staged, object after object.
    pub(super) async fn store_staged(
        &self,
        name: &ObjectName,
        staged: Staged,
        state: &mut Progressed,
        progress: Progress<'_>,
    ) -> Result<()> {
        match staged.0 {
            // Its names are in its seals.
            Waiting::Made(made) if made.name != *name => Err(Error::new(
                ErrorKind::Internal,
                format!("what was staged as {} cannot be stored as {}", made.name.key, name.key),
            )),
            Waiting::Made(made) => self.send_made(name, made, state, progress).await,
            Waiting::Content(spool) => {
                let length = spool.length();
                // All of it was read before.
                let sent = |_, written| progress(length, written);
                self.store_source(name, spool.into_source(), state, &sent).await
            }
        }
    }

    async fn send_made(
        &self,
        name: &ObjectName,
        mut made: Made,
        state: &mut Progressed,
        progress: Progress<'_>,
    ) -> Result<()> {
        state.read = made.plain_length;
        for facts in made.objects {
            self.begin_sending(name, state);
            let mut left = facts.length;
            while left > self.shape.part as u64 {
                let part = part(&mut made.held, self.shape.part).await?;
                left -= part.len() as u64;
                self.send_part(part, state).await?;
                progress(state.read, state.written);
            }
            let last = part(&mut made.held, usize::try_from(left).unwrap_or(usize::MAX)).await?;
            self.finish_object(name, facts, last, state).await?;
            progress(state.read, state.written);
        }
        Ok(())
    }
}

/// Exactly the next part.
async fn part(held: &mut Held, size: usize) -> Result<Bytes> {
    let part = held.next(size).await?.filter(|part| part.len() == size);
    part.ok_or_else(|| Error::new(ErrorKind::Internal, "the spool gives other parts than it took"))
}

/// Objects being made of a stream.
struct Making<'a> {
    recorder: &'a Recorder,
    name: &'a ObjectName,
    writer: ObjectWriter,
    hold: Hold,
    /// Ciphertext on its way into the file.
    made: Vec<u8>,
    objects: Vec<ObjectFacts>,
    plain_length: u64,
}

impl Making<'_> {
    async fn absorb(&mut self, piece: &[u8]) -> Result<()> {
        let shape = &self.recorder.shape;
        let longest = shape.part as u64 * shape.max_parts as u64;
        for piece in piece.chunks(self.segment()) {
            self.writer.append(piece)?;
            self.plain_length += piece.len() as u64;
            self.put_away().await?;
            if self.writer.taken() >= longest {
                let next = self.recorder.begin_object(self.name, self.objects.len() + 2)?;
                self.end_object(next).await?;
            }
        }
        Ok(())
    }

    /// In memory parts wait as they are sent; out of the file they are cut when they are sent.
    async fn put_away(&mut self) -> Result<()> {
        while !self.hold.is_in_file()
            && let Some(part) = self.writer.take_part(self.recorder.shape.part)
        {
            self.hold.put(part).await?;
        }
        if self.hold.is_in_file() && self.writer.take_made(self.segment(), &mut self.made) {
            self.hold.append(&self.made).await?;
        }
        Ok(())
    }

    fn segment(&self) -> usize {
        SEGMENT.min(self.recorder.shape.part)
    }

    /// Ends the current object; `next` comes in its place.
    async fn end_object(&mut self, next: ObjectWriter) -> Result<()> {
        let ended = std::mem::replace(&mut self.writer, next);
        let facts = keep(ended, self.recorder.shape.part, &mut self.hold).await?;
        self.objects.push(facts);
        Ok(())
    }

    async fn finish(mut self) -> Result<Made> {
        let facts = keep(self.writer, self.recorder.shape.part, &mut self.hold).await?;
        self.objects.push(facts);
        Ok(Made {
            name: self.name.clone(),
            objects: self.objects,
            held: self.hold.finish().await?,
            plain_length: self.plain_length,
        })
    }
}

/// Ends an object: its last part is never empty, and may be a full one.
async fn keep(object: ObjectWriter, part: usize, hold: &mut Hold) -> Result<ObjectFacts> {
    let (facts, mut rest) = object.finish()?;
    while rest.len() > part {
        hold.put(rest.split_to(part)).await?;
    }
    hold.put(rest).await?;
    Ok(facts)
}

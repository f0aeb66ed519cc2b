//! Records one artifact: a source becomes one or more objects in the store.

use super::{
    Shape, Source,
    frame::Frames,
    object::{ObjectFacts, ObjectWriter, PackedFrame},
    packing::{ObjectName, Packing},
    parts::PartSender,
    stage::Staged,
    witness::ReadBack,
};
use crate::{
    Error, ErrorKind, Result,
    catalog::{Artifact, StoredObject},
    clock::Clock,
    frames::FrameEncoder,
    store::{Key, PutReceipt, Store},
};
use bytes::Bytes;
use std::{fmt, sync::Arc};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

/// An artifact that is in the store, read back and found to be what was sent.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Bytes of the source.
    pub plain_length: u64,
    /// Its objects, in order.
    pub objects: Vec<StoredObject>,
}

/// What is recorded.
#[derive(Debug)]
pub enum Intake {
    /// A source, sent while it is read.
    Stream(Source),
    /// What was taken in before, by [`Recorder::stage`].
    Staged(Box<Staged>),
}

impl From<Source> for Intake {
    fn from(source: Source) -> Self {
        Self::Stream(source)
    }
}

impl From<Staged> for Intake {
    fn from(staged: Staged) -> Self {
        Self::Staged(Box::new(staged))
    }
}

/// Called with bytes read from the source and bytes sent to the store, so far.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// Records artifacts.
#[derive(Clone)]
pub struct Recorder {
    /// Where to.
    pub store: Arc<dyn Store>,
    /// How much memory each artifact takes.
    pub shape: Shape,
    /// What is done to the content.
    pub packing: Packing,
    /// The time that is written into headers.
    pub clock: Arc<dyn Clock>,
    /// Asks to stop.
    pub cancel: CancellationToken,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

/// What goes from the packing side to the sending side.
enum Item {
    Frame(JoinHandle<Result<PackedFrame>>),
    /// The source has vouched for its end. A channel that closes without it means that the source failed.
    End,
}

/// The objects of an artifact so far.
#[derive(Default)]
pub(super) struct Progressed {
    done: Vec<StoredObject>,
    headers: Vec<Vec<u8>>,
    sender: Option<PartSender>,
    pub(super) read: u64,
    pub(super) written: u64,
}

impl Progressed {
    /// What is stored, as a reader takes it.
    fn artifact(&self, name: &ObjectName) -> Artifact {
        Artifact {
            name: name.key.to_string(),
            content_type: name.content_type.clone(),
            plain_length: self.read,
            weight: None,
            objects: self.done.clone(),
            details: serde_json::Map::new(),
        }
    }
}

impl Recorder {
    /// As [`Recorder::record_and`], with the bytes compared.
    ///
    /// # Errors
    /// As there.
    pub async fn record(&self, name: &ObjectName, source: Source, progress: Progress<'_>) -> Result<Recorded> {
        self.record_and(ReadBack::Bytes, name, source, progress).await
    }

    /// Stores all of `content`, a [`Source`] or something [`Staged`], and reads it back. Memory: [`Shape::bound`], and after that what a witness takes.
    ///
    /// Nothing of a failed or cancelled artifact stays visible: uploads are aborted, finished objects deleted. If the process dies, or the future
    /// is dropped, leftovers under `name` are for `prune`.
    ///
    /// # Errors
    /// Fails if the source fails or does not vouch for its end, if the store fails, if what is read back differs ([`ErrorKind::Damaged`]), or if the
    /// witness says so.
    pub async fn record_and(
        &self,
        read_back: ReadBack<'_>,
        name: &ObjectName,
        content: impl Into<Intake>,
        progress: Progress<'_>,
    ) -> Result<Recorded> {
        let mut state = Progressed::default();
        let stored = tokio::select! {
            stored = self.store_all(name, content.into(), &mut state, progress) => stored,
            () = self.cancel.cancelled() => Err(Error::cancelled(format_args!("store {}", name.key))),
        };
        let checked = match stored {
            Ok(()) => tokio::select! {
                checked = read_back.check(self.store.as_ref(), state.artifact(name), &state.headers) => checked,
                () = self.cancel.cancelled() => Err(Error::cancelled(format_args!("read back {}", name.key))),
            },
            Err(error) => Err(error),
        };
        match checked {
            Ok(()) => Ok(Recorded {
                plain_length: state.read,
                objects: state.done,
            }),
            Err(error) => {
                self.take_back(state).await;
                Err(error)
            }
        }
    }

    async fn store_all(
        &self,
        name: &ObjectName,
        content: Intake,
        state: &mut Progressed,
        progress: Progress<'_>,
    ) -> Result<()> {
        match content {
            Intake::Stream(source) => self.store_source(name, source, state, progress).await,
            Intake::Staged(staged) => self.store_staged(name, *staged, state, progress).await,
        }
    }

    pub(super) async fn store_source(
        &self,
        name: &ObjectName,
        source: Source,
        state: &mut Progressed,
        progress: Progress<'_>,
    ) -> Result<()> {
        let (sender, packed) = mpsc::channel(self.shape.workers);
        tokio::try_join!(
            self.pack(source, name.compress, sender),
            self.send(name, packed, state, progress)
        )?;
        Ok(())
    }

    /// Reads the source and packs its frames in parallel; the channel bounds how many.
    async fn pack(&self, source: Source, compress: bool, packed: mpsc::Sender<Item>) -> Result<()> {
        let gone = |_| Error::new(ErrorKind::Internal, "nobody takes the packed frames");
        let mut frames = Frames::new(source.into_stream(), self.shape.frame);
        let encoder = match &self.packing {
            Packing::Sealed(sealing) if compress => Some(sealing.encoder.clone()),
            _ => None,
        };
        while let Some(frame) = frames.next().await? {
            let encoder = encoder.clone();
            let task = spawn_blocking(move || pack_frame(encoder.as_deref(), frame));
            packed.send(Item::Frame(task)).await.map_err(gone)?;
        }
        packed.send(Item::End).await.map_err(gone)
    }

    /// Seals frames in order and sends them, object after object.
    async fn send(
        &self,
        name: &ObjectName,
        mut packed: mpsc::Receiver<Item>,
        state: &mut Progressed,
        progress: Progress<'_>,
    ) -> Result<()> {
        let mut writer = self.begin(name, state)?;
        loop {
            match packed.recv().await {
                Some(Item::Frame(task)) => {
                    let frame = joined(task.await)??;
                    state.read += frame.content;
                    writer = self.absorb(writer, frame, state).await?;
                    progress(state.read, state.written);
                    let parts = state.sender.as_ref().map_or(0, PartSender::sent);
                    if parts >= self.shape.max_parts || writer.is_full() {
                        self.finish(name, writer, state).await?;
                        writer = self.begin(name, state)?;
                    }
                }
                Some(Item::End) => break,
                None => {
                    return Err(Error::new(
                        ErrorKind::SourceFailed,
                        "the source ended without vouching for its end",
                    ));
                }
            }
        }
        self.finish(name, writer, state).await?;
        progress(state.read, state.written);
        Ok(())
    }

    fn begin(&self, name: &ObjectName, state: &mut Progressed) -> Result<ObjectWriter> {
        self.begin_sending(name, state);
        self.begin_object(name, state.done.len() + 1)
    }

    /// The writer of object `number` (from 1) of an artifact.
    pub(super) fn begin_object(&self, name: &ObjectName, number: usize) -> Result<ObjectWriter> {
        ObjectWriter::begin(&self.packing, &name.numbered(number), self.clock.now())
    }

    /// Begins with the object after those that are done.
    pub(super) fn begin_sending(&self, name: &ObjectName, state: &mut Progressed) {
        let key = name.numbered(state.done.len() + 1).key;
        state.sender = Some(PartSender::new(self.store.clone(), key, self.shape.in_flight));
    }

    async fn absorb(
        &self,
        mut writer: ObjectWriter,
        frame: PackedFrame,
        state: &mut Progressed,
    ) -> Result<ObjectWriter> {
        let sealed = spawn_blocking(move || writer.absorb(&frame).map(|()| writer));
        let mut writer = joined(sealed.await)??;
        while let Some(part) = writer.take_part(self.shape.part) {
            self.send_part(part, state).await?;
        }
        Ok(writer)
    }

    async fn finish(&self, name: &ObjectName, writer: ObjectWriter, state: &mut Progressed) -> Result<()> {
        let (facts, mut rest) = joined(spawn_blocking(move || writer.finish()).await)??;
        while rest.len() > self.shape.part {
            let part = rest.split_to(self.shape.part);
            self.send_part(part, state).await?;
        }
        self.finish_object(name, facts, rest, state).await
    }

    pub(super) async fn send_part(&self, part: Bytes, state: &mut Progressed) -> Result<()> {
        state.written += part.len() as u64;
        sender(state)?.send(part).await
    }

    /// Sends the last part of an object, which makes it visible.
    pub(super) async fn finish_object(
        &self,
        name: &ObjectName,
        facts: ObjectFacts,
        last: Bytes,
        state: &mut Progressed,
    ) -> Result<()> {
        let name = name.numbered(state.done.len() + 1);
        state.written += last.len() as u64;
        let receipt = sender(state)?.finish(last).await?;
        state.sender = None;
        let confirmed = self.packing.demand_confirmation(&name.key, &receipt);
        state.headers.push(facts.header.clone());
        state.done.push(record_of(&name, facts, receipt));
        // Only now, so that an object that the store did not encrypt is taken back with the others.
        confirmed
    }

    async fn take_back(&self, state: Progressed) {
        if let Some(sender) = state.sender {
            sender.abort().await;
        }
        let keys: Vec<Key> = state.done.iter().map(|object| Key::from(object.key.as_str())).collect();
        for error in self.store.delete(&keys).await.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "an object of a failed artifact could not be removed; prune will");
        }
    }
}

fn pack_frame(encoder: Option<&FrameEncoder>, plain: Bytes) -> Result<PackedFrame> {
    let content = plain.len() as u64;
    let Some(encoder) = encoder else {
        return Ok(PackedFrame {
            bytes: plain,
            content,
            frame: None,
        });
    };
    let mut packed = Vec::new();
    let frame = encoder.compress_frame(&plain, &mut packed)?;
    Ok(PackedFrame {
        bytes: packed.into(),
        content,
        frame,
    })
}

fn sender(state: &mut Progressed) -> Result<&mut PartSender> {
    state
        .sender
        .as_mut()
        .ok_or_else(|| Error::new(ErrorKind::Internal, "no object is being sent"))
}

fn joined<T>(result: std::result::Result<T, tokio::task::JoinError>) -> Result<T> {
    result.map_err(|error| Error::new(ErrorKind::Internal, "a worker thread failed").because(error))
}

fn record_of(name: &ObjectName, facts: ObjectFacts, receipt: PutReceipt) -> StoredObject {
    StoredObject {
        key: name.key.to_string(),
        logical_path: name.logical_path.clone(),
        file_id: facts.file_id,
        etag: receipt.etag.map(|etag| etag.0),
        version: receipt.version,
        length: facts.length,
        payload_offset: facts.payload_offset,
        sha256: facts.sha256,
        owned: true,
    }
}

//! Records one artifact: a source becomes one or more objects in the store.

use super::{
    Shape, Source,
    frame::Frames,
    object::{ObjectWriter, PackedFrame},
    parts::PartSender,
    witness::ReadBack,
};
use crate::{
    Error, ErrorKind, Result,
    catalog::{Artifact, StoredObject},
    clock::{Clock, Entropy},
    frames::FrameEncoder,
    id::RepositoryId,
    keys::Keyring,
    store::{Key, PutReceipt, ServerEncryption, Store, StoreError, StoreErrorKind},
};
use bytes::Bytes;
use std::{fmt, sync::Arc};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

/// What is done to content on its way to the store.
#[derive(Debug, Clone)]
pub enum Packing {
    /// Compressed and sealed by us.
    Sealed(Sealing),
    /// Stored as it comes; the store encrypts, and must confirm it for every object.
    Raw(ServerEncryption),
}

impl Packing {
    fn demand_confirmation(&self, key: &Key, receipt: &PutReceipt) -> Result<()> {
        use ServerEncryption::{Kms, S3};
        match (self, &receipt.encryption) {
            (Self::Sealed(_), _) | (Self::Raw(S3), Some(S3)) | (Self::Raw(Kms(_)), Some(Kms(_))) => Ok(()),
            (Self::Raw(_), _) => Err(StoreError::new(StoreErrorKind::NotEncrypted, "store", key).into()),
        }
    }
}

/// What sealing needs to know.
#[derive(Debug, Clone)]
pub struct Sealing {
    /// Keys that open what is sealed.
    pub keyring: Arc<Keyring>,
    /// The repository, bound into every object.
    pub repository: RepositoryId,
    /// The component that writes, as `postgres`.
    pub component: String,
    /// Name and version of the program.
    pub tool: String,
    /// Compresses; shared by all artifacts of a run, so that they share its memory.
    pub encoder: Arc<FrameEncoder>,
    /// Where file keys come from.
    pub entropy: Arc<dyn Entropy>,
}

/// Where an artifact goes and what it claims to be; later objects of a long one get `.0002` and so on behind both.
#[derive(Debug, Clone)]
pub struct ObjectName {
    /// Its key.
    pub key: Key,
    /// What it claims to be, bound into the sealed object.
    pub logical_path: String,
    /// Media type of its content.
    pub content_type: String,
    /// Whether sealing compresses it first.
    pub compress: bool,
}

impl ObjectName {
    /// The name of object `number` (from 1) of the artifact.
    fn numbered(&self, number: usize) -> Self {
        if number == 1 {
            return self.clone();
        }
        let suffix = format!(".{number:04}");
        Self {
            key: self.key.with(&suffix),
            logical_path: format!("{}{suffix}", self.logical_path),
            ..self.clone()
        }
    }
}

/// An artifact that is in the store, read back and found to be what was sent.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Bytes of the source.
    pub plain_length: u64,
    /// Its objects, in order.
    pub objects: Vec<StoredObject>,
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
struct Progressed {
    done: Vec<StoredObject>,
    headers: Vec<Vec<u8>>,
    sender: Option<PartSender>,
    read: u64,
    written: u64,
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

    /// Stores all of `source`, and reads it back. Memory: [`Shape::bound`], and after that what a witness takes.
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
        source: Source,
        progress: Progress<'_>,
    ) -> Result<Recorded> {
        let mut state = Progressed::default();
        let stored = tokio::select! {
            stored = self.store_all(name, source, &mut state, progress) => stored,
            () = self.cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, format!("store {}", name.key))),
        };
        let checked = match stored {
            Ok(()) => tokio::select! {
                checked = read_back.check(self.store.as_ref(), state.artifact(name), &state.headers) => checked,
                () = self.cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, format!("read back {}", name.key))),
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
        let name = name.numbered(state.done.len() + 1);
        state.sender = Some(PartSender::new(
            self.store.clone(),
            name.key.clone(),
            self.shape.in_flight,
        ));
        ObjectWriter::begin(&self.packing, &name, self.clock.now())
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
            state.written += part.len() as u64;
            sender(state)?.send(part).await?;
        }
        Ok(writer)
    }

    async fn finish(&self, name: &ObjectName, writer: ObjectWriter, state: &mut Progressed) -> Result<()> {
        let name = name.numbered(state.done.len() + 1);
        let (facts, mut rest) = joined(spawn_blocking(move || writer.finish()).await)??;
        state.written += rest.len() as u64;
        while rest.len() > self.shape.part {
            let part = rest.split_to(self.shape.part);
            sender(state)?.send(part).await?;
        }
        let receipt = sender(state)?.finish(rest).await?;
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

fn record_of(name: &ObjectName, facts: super::object::ObjectFacts, receipt: PutReceipt) -> StoredObject {
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

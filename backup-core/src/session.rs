//! The only way for a target to record data.

use crate::{
    Result,
    catalog::Artifact,
    clock::Entropy,
    event::{Event, EventSink},
    id::BackupId,
    pipeline::{ContentSource, Intake, ObjectName, Packing, ReadBack, Recorder, Source, SpoolRoom, Staged, Witness},
    store::Key,
    target::PlannedArtifact,
};
use futures::TryStreamExt;
use std::sync::Arc;

/// Bytes that are staged between two reports of progress.
const REPORTED: u64 = 1 << 20;

/// The writing side of one backup. Artifacts may be written at once from many tasks, up to the number that the memory was cut for.
#[derive(Debug)]
pub struct Session {
    id: BackupId,
    recorder: Recorder,
    reading: ContentSource,
    events: Arc<dyn EventSink>,
}

impl Session {
    /// `reading` must give what `recorder` writes.
    pub(crate) fn new(id: BackupId, recorder: Recorder, reading: ContentSource, events: Arc<dyn EventSink>) -> Self {
        Self {
            id,
            recorder,
            reading,
            events,
        }
    }

    /// The id of the backup being written.
    #[must_use]
    pub fn id(&self) -> BackupId {
        self.id
    }

    /// Whether artifacts are sealed and compressed by us. If not, the store encrypts, and they are stored as the source gives them.
    #[must_use]
    pub fn sealed(&self) -> bool {
        matches!(self.recorder.packing, Packing::Sealed(_))
    }

    /// Whether what is stored can be read here again: it is not sealed, or there is a key that opens.
    #[must_use]
    pub fn can_read(&self) -> bool {
        !self.sealed() || self.reading.keyring.as_ref().is_some_and(|keyring| keyring.can_open())
    }

    /// Stores one artifact, reads it back and compares. It is part of the backup once the target returns it in its outcome.
    ///
    /// # Errors
    /// See [`Recorder::record`]: nothing of a failed artifact stays visible.
    pub async fn stream(&self, planned: &PlannedArtifact, source: Source) -> Result<Artifact> {
        self.record(planned, source, ReadBack::Bytes).await
    }

    /// Takes in all of one artifact and stores nothing of it yet; see [`Recorder::stage`]. How far it is is told as an event.
    ///
    /// # Errors
    /// As there.
    pub async fn stage(
        &self,
        planned: &PlannedArtifact,
        source: Source,
        room: &SpoolRoom,
        entropy: &dyn Entropy,
    ) -> Result<Staged> {
        let source = reporting(source, planned.name.clone(), self.events.clone());
        self.recorder.stage(&self.name(planned), source, room, entropy).await
    }

    /// Stores an artifact that was staged for the same plan. While it is read back, it is opened as a restore would open it, and its content shown to
    /// `witness`: it is stored only if that agrees. Where nothing can be opened ([`Session::can_read`]) the witness is not asked, and the bytes are
    /// compared.
    ///
    /// # Errors
    /// See [`Recorder::record_and`]: nothing of a failed artifact stays visible.
    pub async fn store(&self, planned: &PlannedArtifact, staged: Staged, witness: &dyn Witness) -> Result<Artifact> {
        let read_back = match self.can_read() {
            true => ReadBack::Content(&self.reading, witness),
            false => ReadBack::Bytes,
        };
        self.record(planned, staged, read_back).await
    }

    fn name(&self, planned: &PlannedArtifact) -> ObjectName {
        ObjectName {
            key: Key::from(planned.key(self.id, self.sealed())),
            logical_path: planned.logical_path(self.id),
            content_type: planned.content_type.clone(),
            compress: planned.compress,
        }
    }

    async fn record(
        &self,
        planned: &PlannedArtifact,
        content: impl Into<Intake>,
        read_back: ReadBack<'_>,
    ) -> Result<Artifact> {
        let name = self.name(planned);
        let progress = |read, written| {
            self.events.emit(Event::ArtifactProgress {
                name: planned.name.clone(),
                read,
                written,
            });
        };
        let recorded = self.recorder.record_and(read_back, &name, content, &progress).await?;
        let written = recorded.objects.iter().map(|object| object.length).sum();
        self.events.emit(Event::ArtifactFinished {
            name: planned.name.clone(),
            read: recorded.plain_length,
            written,
        });
        Ok(Artifact {
            name: planned.name.clone(),
            content_type: planned.content_type.clone(),
            plain_length: recorded.plain_length,
            weight: None,
            objects: recorded.objects,
            details: serde_json::Map::new(),
        })
    }
}

/// The same source; says every so often how much was read.
fn reporting(source: Source, name: String, events: Arc<dyn EventSink>) -> Source {
    let (mut read, mut told) = (0u64, 0u64);
    let stream = source.into_stream().inspect_ok(move |piece| {
        read += piece.len() as u64;
        if read - told >= REPORTED {
            told = read;
            events.emit(Event::ArtifactProgress {
                name: name.clone(),
                read,
                written: 0,
            });
        }
    });
    Source::vouched(stream)
}

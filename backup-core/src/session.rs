//! The only way for a target to record data.

use crate::{
    Result,
    catalog::Artifact,
    event::{Event, EventSink},
    id::BackupId,
    pipeline::{ContentSource, ObjectName, Packing, ReadBack, Recorder, Source, Witness},
    store::Key,
    target::PlannedArtifact,
};
use std::sync::Arc;

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

    /// As [`Session::stream`]; while it is read back, it is opened as a restore would open it, and its content shown to `witness`: it is stored only
    /// if that agrees. Where nothing can be opened ([`Session::can_read`]) the witness is not asked, and the bytes are compared.
    ///
    /// # Errors
    /// See [`Recorder::record_and`]: nothing of a failed artifact stays visible.
    pub async fn stream_seen(
        &self,
        planned: &PlannedArtifact,
        source: Source,
        witness: &dyn Witness,
    ) -> Result<Artifact> {
        let read_back = match self.can_read() {
            true => ReadBack::Content(&self.reading, witness),
            false => ReadBack::Bytes,
        };
        self.record(planned, source, read_back).await
    }

    async fn record(&self, planned: &PlannedArtifact, source: Source, read_back: ReadBack<'_>) -> Result<Artifact> {
        let name = ObjectName {
            key: Key::from(planned.key(self.id, self.sealed())),
            logical_path: planned.logical_path(self.id),
            content_type: planned.content_type.clone(),
            compress: planned.compress,
        };
        let progress = |read, written| {
            self.events.emit(Event::ArtifactProgress {
                name: planned.name.clone(),
                read,
                written,
            });
        };
        let recorded = self.recorder.record_and(read_back, &name, source, &progress).await?;
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

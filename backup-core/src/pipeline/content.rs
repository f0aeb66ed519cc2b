//! From the objects of an artifact back to its content.

use super::{object_reader::ObjectReader, read_ahead::read_ahead, source::ByteStream};
use crate::{
    Error, ErrorKind, Result,
    catalog::{Artifact, StoredObject},
    id::RepositoryId,
    keys::Keyring,
    store::Store,
};
use bytes::Bytes;
use futures::StreamExt;
use std::{collections::VecDeque, sync::Arc};

/// What is needed to read content.
#[derive(Debug, Clone)]
pub struct ContentSource {
    /// Where the objects are.
    pub store: Arc<dyn Store>,
    /// The repository that the objects must belong to.
    pub repository: RepositoryId,
    /// The component that must have written them.
    pub component: String,
    /// Keys that open sealed objects. Objects that the store encrypts need none.
    pub keyring: Option<Arc<Keyring>>,
}

/// The content of an artifact: its objects in order, opened and decompressed.
///
/// Every byte that comes out has been authenticated (sealed objects), and the stream ends without an error only if every object was there, whole, had
/// the recorded length and digest, and was the one that the manifest means, and if they hold as much as was backed up. Objects that the store encrypts carry no seal: of those, only the end of
/// the stream proves the bytes that came before. It is read by a task of its own, so that whoever looks at it works at the same time. Memory: what the
/// store gives at once, and a few zstd frames.
#[must_use]
pub fn content(source: ContentSource, artifact: Artifact) -> ByteStream {
    let state = Reading {
        source,
        name: artifact.name,
        left: artifact.plain_length,
        waiting: artifact.objects.into(),
        current: None,
    };
    let bytes = futures::stream::try_unfold(state, |mut state| async move {
        Ok(state.next().await?.map(|bytes| (bytes, state)))
    });
    read_ahead(bytes.boxed())
}

struct Reading {
    source: ContentSource,
    name: String,
    left: u64,
    waiting: VecDeque<StoredObject>,
    current: Option<ObjectReader>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let mut object = match self.current.take() {
                Some(object) => object,
                None => match self.waiting.pop_front() {
                    Some(record) => ObjectReader::begin(&self.source, record).await?,
                    None => return self.end(),
                },
            };
            if let Some(bytes) = object.next().await? {
                self.current = Some(object);
                self.left = self
                    .left
                    .checked_sub(bytes.len() as u64)
                    .ok_or_else(|| self.wrong("more"))?;
                return Ok(Some(bytes));
            }
            object.finish()?;
        }
    }

    /// No object is left: everything that was recorded must have come.
    fn end(&self) -> Result<Option<Bytes>> {
        if self.left == 0 {
            Ok(None)
        } else {
            Err(self.wrong("less"))
        }
    }

    fn wrong(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Damaged,
            format!("the objects of {} hold {what} than was backed up", self.name),
        )
    }
}

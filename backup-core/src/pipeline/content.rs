//! From the objects of an artifact back to its content.

use super::source::ByteStream;
use crate::{
    Error, ErrorKind, Result,
    catalog::StoredObject,
    frames::FrameDecoder,
    id::RepositoryId,
    keys::Keyring,
    seal::{Codec, Expected, Header, Opener},
    store::{Key, Store, StoreResult},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use sha2::{Digest, Sha256};
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
/// the recorded length and digest, and was the one that the manifest means. Objects that the store encrypts carry no seal: of those, only the end of
/// the stream proves the bytes that came before. Constant memory.
#[must_use]
pub fn content(source: ContentSource, objects: Vec<StoredObject>) -> ByteStream {
    let state = Reading { source, waiting: objects.into(), current: None };
    futures::stream::try_unfold(state, |mut state| async move { Ok(state.next().await?.map(|bytes| (bytes, state))) }).boxed()
}

struct Reading {
    source: ContentSource,
    waiting: VecDeque<StoredObject>,
    current: Option<OpenObject>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.current.is_none() {
                let Some(record) = self.waiting.pop_front() else { return Ok(None) };
                self.current = Some(OpenObject::begin(&self.source, record).await?);
            }
            let Some(mut object) = self.current.take() else { continue };
            let out = match object.body.try_next().await? {
                Some(bytes) => {
                    let out = object.take_in(&bytes)?;
                    self.current = Some(object);
                    out
                }
                None => object.finish()?,
            };
            if !out.is_empty() {
                return Ok(Some(out.into()));
            }
        }
    }
}

/// An object being read.
struct OpenObject {
    name: String,
    record: StoredObject,
    body: BoxStream<'static, StoreResult<Bytes>>,
    seal: Option<Opening>,
    digest: Sha256,
    seen: u64,
}

struct Opening {
    opener: Opener,
    decoder: Option<FrameDecoder>,
    opened: Vec<u8>,
}

impl OpenObject {
    async fn begin(source: &ContentSource, record: StoredObject) -> Result<Self> {
        let key = Key::from(record.key.as_str());
        let name = source.store.location().of(&key);
        let download = source.store.get(&key, None, None).await?;
        let Some(download) = download else {
            return Err(Error::new(ErrorKind::Damaged, format!("{name} is missing")));
        };
        if download.meta.length != record.length {
            let (is, was) = (download.meta.length, record.length);
            return Err(Error::new(ErrorKind::Damaged, format!("{name} has {is} bytes where {was} were recorded")));
        }
        let seal = match &record.file_id {
            None => None,
            Some(_) => Some(Opening::new(source, &record)?),
        };
        Ok(Self { name, record, body: download.body, seal, digest: Sha256::new(), seen: 0 })
    }

    fn take_in(&mut self, bytes: &Bytes) -> Result<Vec<u8>> {
        let skip = self.record.payload_offset.saturating_sub(self.seen).min(bytes.len() as u64);
        self.digest.update(&bytes[usize::try_from(skip).unwrap_or(bytes.len())..]);
        self.seen += bytes.len() as u64;
        match &mut self.seal {
            None => Ok(bytes.to_vec()),
            Some(opening) => opening.feed(bytes).map_err(|error| error.context(format!("open {}", self.name))),
        }
    }

    fn finish(self) -> Result<Vec<u8>> {
        let damaged = |what: String| Error::new(ErrorKind::Damaged, format!("{} {what}", self.name));
        if self.seen != self.record.length {
            return Err(damaged(format!("ended after {} of {} bytes", self.seen, self.record.length)));
        }
        let rest = match self.seal {
            None => Vec::new(),
            Some(opening) => opening.finish().map_err(|error| error.context(format!("open {}", self.name)))?,
        };
        if self.digest.finalize().as_slice() != self.record.sha256 {
            return Err(damaged("does not have the recorded digest".to_owned()));
        }
        Ok(rest)
    }
}

impl Opening {
    fn new(source: &ContentSource, record: &StoredObject) -> Result<Self> {
        let keyring = source.keyring.clone().ok_or_else(|| {
            Error::new(ErrorKind::Key, "the backup is sealed and no key was given").hint("name the key file with --key-file or BACKUP_KEY_FILE")
        })?;
        let expected = Expected {
            repository: source.repository,
            component: Some(source.component.clone()),
            logical_path: record.logical_path.clone(),
            file_id: record.file_id,
            length: Some(record.length),
        };
        Ok(Self { opener: Opener::new(expected, keyring), decoder: None, opened: Vec::new() })
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        self.opened.clear();
        self.opener.update(bytes, &mut self.opened)?;
        match self.opener.header() {
            Some(header) => decode(header, &mut self.decoder, &mut self.opened),
            None => Ok(Vec::new()),
        }
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        self.opened.clear();
        let header = self.opener.finish(&mut self.opened)?;
        let mut out = decode(&header, &mut self.decoder, &mut self.opened)?;
        if let Some(decoder) = self.decoder.take() {
            decoder.finish(&mut out)?;
        }
        Ok(out)
    }
}

/// Content of what was opened: decompressed if the header says that it is compressed.
fn decode(header: &Header, decoder: &mut Option<FrameDecoder>, opened: &mut Vec<u8>) -> Result<Vec<u8>> {
    match header.spec().codec {
        Codec::Stored => Ok(std::mem::take(opened)),
        Codec::ZstdFrames => {
            let mut out = Vec::new();
            decoder.get_or_insert_with(FrameDecoder::default).update(opened, &mut out)?;
            Ok(out)
        }
    }
}

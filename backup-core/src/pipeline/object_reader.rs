//! One object being read.

use super::ContentSource;
use crate::{
    Error, ErrorKind, Result,
    catalog::StoredObject,
    frames::FrameDecoder,
    keys::Keyring,
    seal::{CHUNK_LEN, Codec, Expected, Opener},
    store::{Key, StoreResult},
};
use bytes::Bytes;
use futures::{TryStreamExt, stream::BoxStream};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Reads an object's content and checks it against its record.
pub(super) struct ObjectReader {
    name: String,
    record: StoredObject,
    body: BoxStream<'static, StoreResult<Bytes>>,
    seal: Option<Opening>,
    digest: Sha256,
    seen: u64,
    ended: bool,
}

impl ObjectReader {
    pub(super) async fn begin(source: &ContentSource, record: StoredObject) -> Result<Self> {
        let key = Key::from(record.key.as_str());
        let name = source.store.location().of(&key);
        let Some(download) = source.store.get(&key, None, None).await? else {
            return Err(Error::new(ErrorKind::Damaged, format!("{name} is missing")));
        };
        if download.meta.length != record.length {
            let (is, was) = (download.meta.length, record.length);
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{name} has {is} bytes where {was} were recorded"),
            ));
        }
        let seal = if record.file_id.is_some() {
            Some(Opening::new(source, &record)?)
        } else {
            None
        };
        Ok(Self {
            name,
            record,
            body: download.body,
            seal,
            digest: Sha256::new(),
            seen: 0,
            ended: false,
        })
    }

    /// More content; `None` once there is no more, which counts only after [`ObjectReader::finish`].
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let ready = match &mut self.seal {
                Some(opening) => opening
                    .take()
                    .map_err(|error| error.context(format!("open {}", self.name)))?,
                None => None,
            };
            if ready.is_some() || self.ended {
                return Ok(ready);
            }
            match self.body.try_next().await? {
                Some(bytes) => {
                    self.count(&bytes);
                    match &mut self.seal {
                        None => return Ok(Some(bytes)),
                        Some(opening) => opening
                            .feed(&bytes)
                            .map_err(|error| error.context(format!("open {}", self.name)))?,
                    }
                }
                None => self.end()?,
            }
        }
    }

    /// Demands that everything was there and is what was recorded.
    pub(super) fn finish(self) -> Result<()> {
        if let Some(opening) = self.seal {
            opening
                .finish()
                .map_err(|error| error.context(format!("open {}", self.name)))?;
        }
        if self.digest.finalize().as_slice() != self.record.sha256 {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{} does not have the recorded digest", self.name),
            ));
        }
        Ok(())
    }

    fn count(&mut self, bytes: &[u8]) {
        let skip = self
            .record
            .payload_offset
            .saturating_sub(self.seen)
            .min(bytes.len() as u64);
        self.digest
            .update(&bytes[usize::try_from(skip).unwrap_or(bytes.len())..]);
        self.seen += bytes.len() as u64;
    }

    fn end(&mut self) -> Result<()> {
        self.ended = true;
        if self.seen != self.record.length {
            let (seen, length) = (self.seen, self.record.length);
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{} ended after {seen} of {length} bytes", self.name),
            ));
        }
        match &mut self.seal {
            None => Ok(()),
            Some(opening) => opening
                .end()
                .map_err(|error| error.context(format!("open {}", self.name))),
        }
    }
}

/// A sealed object being opened and decompressed, one zstd frame at a time: highly compressed content must not fill memory.
pub(super) struct Opening {
    opener: Option<Opener>,
    codec: Option<Codec>,
    decoder: FrameDecoder,
    opened: Vec<u8>,
    taken: usize,
}

impl Opening {
    fn new(source: &ContentSource, record: &StoredObject) -> Result<Self> {
        let expected = Expected {
            repository: source.repository,
            component: Some(source.component.clone()),
            logical_path: record.logical_path.clone(),
            file_id: record.file_id,
            length: Some(record.length),
        };
        Self::of(expected, source.keyring.clone())
    }

    pub(super) fn of(expected: Expected, keyring: Option<Arc<Keyring>>) -> Result<Self> {
        let keyring = keyring.ok_or_else(|| {
            Error::new(ErrorKind::Key, "the backup is sealed and no key was given")
                .hint("name the key file with --key-file or BACKUP_KEY_FILE")
        })?;
        Ok(Self {
            opener: Some(Opener::new(expected, keyring)),
            codec: None,
            decoder: FrameDecoder::new()?,
            opened: Vec::new(),
            taken: 0,
        })
    }

    /// Opens more; only when everything opened before has been taken.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.opened.clear();
        self.taken = 0;
        if let Some(opener) = &mut self.opener {
            self.opened.reserve(bytes.len() + CHUNK_LEN);
            opener.update(bytes, &mut self.opened)?;
            self.codec = opener.header().map(|header| header.spec().codec);
        }
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<()> {
        self.opened.clear();
        self.taken = 0;
        if let Some(opener) = self.opener.take() {
            let header = opener.finish(&mut self.opened)?;
            self.codec = Some(header.spec().codec);
        }
        Ok(())
    }

    /// Content that is ready: at most one frame.
    pub(super) fn take(&mut self) -> Result<Option<Bytes>> {
        if self.codec == Some(Codec::Stored) {
            self.taken = 0;
            let bytes = std::mem::take(&mut self.opened);
            return Ok((!bytes.is_empty()).then(|| bytes.into()));
        }
        while self.taken < self.opened.len() {
            let mut content = Vec::new();
            self.taken += self.decoder.update(&self.opened[self.taken..], &mut content)?;
            if !content.is_empty() {
                return Ok(Some(content.into()));
            }
        }
        Ok(None)
    }

    pub(super) fn finish(self) -> Result<()> {
        match self.codec {
            Some(Codec::ZstdFrames) => self.decoder.finish(),
            _ => Ok(()),
        }
    }
}

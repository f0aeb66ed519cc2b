//! One object that is read in parts.

use crate::{
    Error, ErrorKind, Result,
    catalog::StoredObject,
    frames::{FOOTER_LEN, FrameReader, SeekTable},
    pipeline::ContentSource,
    seal::{Codec, Expected, MAX_HEADER_LEN, PREAMBLE_LEN, RangeOpener},
    store::{Download, ETag, Key, ObjectMeta, Store},
};
use futures::TryStreamExt;
use std::{ops::Range, sync::Arc};

/// Content at the end of an object that is read first: the seek table of some thousand frames is in it.
const TAIL: u64 = 64 * 1024;

/// An object of which the beginning was authenticated.
#[derive(Debug)]
pub(super) struct RangedObject {
    stored: Stored,
    layout: Layout,
}

#[derive(Debug)]
enum Layout {
    /// The store encrypts it: the stored bytes are the content.
    Raw,
    /// Sealed, and not compressed.
    Plain(Box<RangeOpener>),
    /// Sealed, in frames.
    Frames(Box<RangeOpener>, SeekTable),
}

impl RangedObject {
    pub(super) async fn open(source: &ContentSource, record: StoredObject) -> Result<Self> {
        let expected = Expected {
            repository: source.repository,
            component: Some(source.component.clone()),
            logical_path: record.logical_path.clone(),
            file_id: record.file_id,
            length: Some(record.length),
        };
        let (stored, begin) = Stored::find(source.store.clone(), &record).await?;
        if record.file_id.is_none() {
            return Ok(Self {
                stored,
                layout: Layout::Raw,
            });
        }
        let ring = source.keyring.as_deref().ok_or_else(|| {
            Error::new(ErrorKind::Key, "the backup is sealed and no key was given")
                .hint("name the key file with --key-file or BACKUP_KEY_FILE")
        })?;
        let opener = RangeOpener::new(&begin, stored.length, &expected, ring);
        let opener = Box::new(opener.map_err(|error| stored.while_opening(error))?);
        let layout = match opener.header().spec().codec {
            Codec::Stored => Layout::Plain(opener),
            Codec::ZstdFrames => {
                let table = seek_table(&stored, &opener).await?;
                Layout::Frames(opener, table)
            }
        };
        Ok(Self { stored, layout })
    }

    pub(super) fn is_sealed(&self) -> bool {
        !matches!(self.layout, Layout::Raw)
    }

    pub(super) fn content_len(&self) -> u64 {
        match &self.layout {
            Layout::Raw => self.stored.length,
            Layout::Plain(opener) => opener.plain_len(),
            Layout::Frames(_, table) => table.content_len(),
        }
    }

    /// Its frames, each as its range of the content.
    pub(super) fn frames(&self) -> Box<dyn Iterator<Item = Range<u64>> + '_> {
        match &self.layout {
            Layout::Raw | Layout::Plain(_) => Box::new(Some(0..self.content_len()).into_iter()),
            Layout::Frames(_, table) => {
                let all = 0..table.content_len();
                Box::new(
                    table
                        .locate(all)
                        .map(|(frame, _, start)| start..start + u64::from(frame.content)),
                )
            }
        }
    }

    /// Appends a range of the content, which must lie within it, to `out`.
    pub(super) async fn read(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        match &self.layout {
            Layout::Raw => self.stored.read(range, out).await,
            Layout::Plain(opener) => self.stored.open(opener, range, out).await,
            Layout::Frames(opener, table) => self.unpack(opener, table, range, out).await,
        }
    }

    /// The frames that hold the range are read in one piece, and unpacked one by one.
    async fn unpack(
        &self,
        opener: &RangeOpener,
        table: &SeekTable,
        range: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let frames: Vec<_> = table.locate(range.clone()).collect();
        let (Some((_, begin, plain)), Some((last, last_begin, _))) = (frames.first(), frames.last()) else {
            return Ok(());
        };
        let mut packed = Vec::new();
        let end = last_begin + u64::from(last.compressed);
        self.stored.open(opener, *begin..end, &mut packed).await?;
        let (mut reader, mut content) = (FrameReader::new()?, Vec::new());
        let mut rest = packed.as_slice();
        for (frame, ..) in &frames {
            let (bytes, after) = rest.split_at_checked(frame.compressed as usize).unwrap_or((rest, &[]));
            let read = reader.read(*frame, bytes, &mut content);
            read.map_err(|error| self.stored.while_opening(error))?;
            rest = after;
        }
        let skip = length_in_memory(range.start - plain)?;
        let length = length_in_memory(range.end - range.start)?;
        out.extend(content.get(skip..skip + length).unwrap_or_default());
        Ok(())
    }
}

/// Reads the seek table at the end of the content.
async fn seek_table(stored: &Stored, opener: &RangeOpener) -> Result<SeekTable> {
    let length = opener.plain_len();
    let mut tail = Vec::new();
    stored
        .open(opener, length.saturating_sub(TAIL)..length, &mut tail)
        .await?;
    let footer = tail.last_chunk::<FOOTER_LEN>().map_or(tail.as_slice(), |footer| footer);
    let wanted = SeekTable::encoded_len(footer).map_err(|error| stored.while_opening(error))?;
    let frames_len = length.checked_sub(wanted).ok_or_else(|| {
        let error = Error::new(
            ErrorKind::Damaged,
            "the seek table claims to be longer than the content",
        );
        stored.while_opening(error)
    })?;
    if wanted > tail.len() as u64 {
        tail.clear();
        stored.open(opener, frames_len..length, &mut tail).await?;
    }
    let table = &tail[tail.len() - length_in_memory(wanted)?..];
    SeekTable::parse(table, frames_len).map_err(|error| stored.while_opening(error))
}

/// The object in the store, and which version of it.
#[derive(Debug)]
struct Stored {
    store: Arc<dyn Store>,
    key: Key,
    name: String,
    length: u64,
    version: Option<ETag>,
}

impl Stored {
    /// Looks at the object, and reads its header if it is sealed.
    async fn find(store: Arc<dyn Store>, record: &StoredObject) -> Result<(Self, Vec<u8>)> {
        let key = Key::from(record.key.as_str());
        let mut stored = Self {
            name: store.location().of(&key),
            length: record.length,
            version: None,
            store,
            key,
        };
        let mut begin = Vec::new();
        if record.file_id.is_none() {
            let meta = stored.store.head(&stored.key).await?;
            stored.settle(meta)?;
        } else {
            let most = (MAX_HEADER_LEN + PREAMBLE_LEN) as u64;
            let header = 0..(record.payload_offset.saturating_add(PREAMBLE_LEN as u64))
                .min(most)
                .min(record.length);
            let download = stored.store.get(&stored.key, Some(header.clone()), None).await?;
            let (meta, body) = download.map(|Download { meta, body }| (meta, body)).unzip();
            stored.settle(meta)?;
            if let Some(body) = body {
                stored.collect(body, header, &mut begin).await?;
            }
        }
        Ok((stored, begin))
    }

    /// It must be there and as long as recorded; from now on it is this version.
    fn settle(&mut self, meta: Option<ObjectMeta>) -> Result<()> {
        let Some(meta) = meta else {
            return Err(Error::new(ErrorKind::Damaged, format!("{} is missing", self.name)));
        };
        if meta.length != self.length {
            let (name, is, was) = (&self.name, meta.length, self.length);
            let message = format!("{name} has {is} bytes where {was} were recorded");
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        self.version = meta.etag;
        Ok(())
    }

    /// Appends stored bytes to `out`.
    async fn read(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let download = self
            .store
            .get(&self.key, Some(range.clone()), self.version.as_ref())
            .await?;
        let Some(download) = download else {
            return Err(Error::new(ErrorKind::Damaged, format!("{} is missing", self.name)));
        };
        self.collect(download.body, range, out).await
    }

    async fn collect(
        &self,
        mut body: futures::stream::BoxStream<'static, crate::store::StoreResult<bytes::Bytes>>,
        range: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let (before, wanted) = (out.len(), length_in_memory(range.end - range.start)?);
        out.reserve(wanted);
        while let Some(bytes) = body.try_next().await? {
            if out.len() - before + bytes.len() > wanted {
                return Err(self.answered(out.len() - before + bytes.len(), wanted));
            }
            out.extend_from_slice(&bytes);
        }
        if out.len() - before != wanted {
            return Err(self.answered(out.len() - before, wanted));
        }
        Ok(())
    }

    fn answered(&self, found: usize, wanted: usize) -> Error {
        let message = format!(
            "the store gave {found} bytes of {} where {wanted} were asked for",
            self.name
        );
        Error::new(ErrorKind::StoreFailed, message)
    }

    /// Appends what is sealed, of a range of the sealed content, to `out`.
    async fn open(&self, opener: &RangeOpener, range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        let mut stored = Vec::new();
        self.read(opener.stored_range(&range)?, &mut stored).await?;
        let opened = opener.open(&range, &stored, out);
        opened.map_err(|error| self.while_opening(error))
    }

    fn while_opening(&self, error: Error) -> Error {
        error.context(format!("open {}", self.name))
    }
}

fn length_in_memory(length: u64) -> Result<usize> {
    usize::try_from(length)
        .map_err(|_| Error::new(ErrorKind::Internal, "the range does not fit the memory of this machine"))
}

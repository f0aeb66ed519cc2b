//! One object being written: frames in, parts out.

use super::packing::{ObjectName, Packing};
use crate::{
    Result,
    frames::{Frame, SeekTable},
    seal::{Codec, SealSpec, Sealer},
};
use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Room behind a part for what is appended last before it is taken: the longest frame, and what sealing adds.
const OVERSHOOT: usize = 3 << 20;

/// A frame as it goes into the object: compressed if the object is sealed, as it came if the store encrypts.
pub(super) struct PackedFrame {
    pub(super) bytes: Bytes,
    pub(super) content: u64,
    /// Its line in the seek table, if it is compressed.
    pub(super) frame: Option<Frame>,
}

/// An object whose bytes are being made. Synchronous: no I/O happens here.
pub(super) struct ObjectWriter {
    sealing: Option<(Box<Sealer>, Option<SeekTable>)>,
    buffer: Vec<u8>,
    digest: Sha256,
    facts: ObjectFacts,
}

/// What is known of an object once its bytes are made.
#[derive(Debug, Clone, Default)]
pub(super) struct ObjectFacts {
    pub(super) file_id: Option<[u8; 32]>,
    pub(super) length: u64,
    pub(super) payload_offset: u64,
    pub(super) sha256: [u8; 32],
    /// What `read_back` returns: header and preamble.
    pub(super) header: Vec<u8>,
}

impl ObjectWriter {
    pub(super) fn begin(packing: &Packing, name: &ObjectName, created: Timestamp) -> Result<Self> {
        let mut writer = Self {
            sealing: None,
            buffer: Vec::new(),
            digest: Sha256::new(),
            facts: ObjectFacts::default(),
        };
        if let Packing::Sealed(seal) = packing {
            let spec = SealSpec {
                repository: seal.repository,
                component: seal.component.clone(),
                logical_path: name.logical_path.clone(),
                content_type: name.content_type.clone(),
                codec: if name.compress {
                    Codec::ZstdFrames
                } else {
                    Codec::Stored
                },
                tool: seal.tool.clone(),
                created,
            };
            let (sealer, header) = Sealer::begin(spec, &seal.keyring, seal.entropy.as_ref())?;
            writer.facts.file_id = Some(sealer.file_id());
            writer.facts.payload_offset = sealer.payload_offset();
            let (_, payload) = header.split_at(usize::try_from(sealer.payload_offset()).unwrap_or(header.len()));
            writer.digest.update(payload);
            writer.facts.header = header.to_vec();
            writer.buffer.extend_from_slice(&header);
            writer.sealing = Some((Box::new(sealer), name.compress.then(SeekTable::default)));
        }
        Ok(writer)
    }

    /// Takes in the next frame.
    pub(super) fn absorb(&mut self, frame: &PackedFrame) -> Result<()> {
        if let (Some((_, Some(table))), Some(line)) = (&mut self.sealing, frame.frame) {
            table.push(line)?;
        }
        self.append(&frame.bytes)
    }

    /// Whether the object holds so many frames that the artifact has to go on in the next one: the seek table is kept in memory.
    pub(super) fn is_full(&self) -> bool {
        const MOST_FRAMES: usize = 1 << 20;
        matches!(&self.sealing, Some((_, Some(table))) if table.frames().len() >= MOST_FRAMES)
    }

    /// A part of exactly `size` bytes, as long as there is that much. It takes no more memory than that.
    pub(super) fn take_part(&mut self, size: usize) -> Option<Bytes> {
        if self.buffer.len() < size {
            return None;
        }
        self.facts.length += size as u64;
        // What follows the part is copied, not the part itself.
        let mut rest = Vec::with_capacity(size + OVERSHOOT);
        rest.extend_from_slice(&self.buffer[size..]);
        let mut part = std::mem::replace(&mut self.buffer, rest);
        part.truncate(size);
        part.shrink_to_fit();
        Some(part.into())
    }

    /// All bytes that are made and not taken yet, if there are `size` of them, in the place of what `out` held: two buffers take turns.
    pub(super) fn take_made(&mut self, size: usize, out: &mut Vec<u8>) -> bool {
        let enough = self.buffer.len() >= size;
        if enough {
            self.facts.length += self.buffer.len() as u64;
            out.clear();
            std::mem::swap(&mut self.buffer, out);
        }
        enough
    }

    /// Bytes taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.facts.length
    }

    /// Ends the object. What is returned follows the parts taken so far; it may be longer than a part.
    pub(super) fn finish(mut self) -> Result<(ObjectFacts, Bytes)> {
        if let Some((sealer, table)) = self.sealing.take() {
            let from = self.buffer.len();
            let mut sealer = *sealer;
            if let Some(table) = table {
                sealer.update(&table.encode(), &mut self.buffer)?;
            }
            sealer.finish(&mut self.buffer)?;
            self.digest.update(&self.buffer[from..]);
        }
        self.facts.length += self.buffer.len() as u64;
        self.facts.sha256 = self.digest.finalize().into();
        Ok((self.facts, self.buffer.into()))
    }

    /// Takes in content that is not compressed.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let from = self.buffer.len();
        match &mut self.sealing {
            Some((sealer, _)) => sealer.update(bytes, &mut self.buffer)?,
            None => self.buffer.extend_from_slice(bytes),
        }
        self.digest.update(&self.buffer[from..]);
        Ok(())
    }
}

//! From content to stored bytes.

use super::{
    CHUNK_LEN, FileId, PREAMBLE_LEN, SealSpec,
    fixed::Fixed,
    header::Header,
    schedule::{FileKey, PayloadKeys, Salt, context},
    sizes::payload_len,
    unlock::wrap,
};
use crate::{
    Result,
    clock::{Entropy, random},
    keys::Keyring,
};
use bytes::Bytes;

/// Seals one object.
///
/// Memory: one chunk. Never resumed: a run that was cut off seals anew, with a new file key. A part that must be sent again is sent as the same bytes;
/// dropping a sealer loses nothing but the object.
pub struct Sealer {
    keys: PayloadKeys,
    file_id: FileId,
    payload_offset: u64,
    /// Content of the chunk that is not full yet.
    rest: Vec<u8>,
    chunks: u64,
}

/// Shows neither keys nor content.
impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("chunks", &self.chunks)
            .finish_non_exhaustive()
    }
}

impl Sealer {
    /// Begins an object, sealed for the first `kek` and all recovery keys. Gives its first bytes too: header, salt and commitment.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Key`] without a key to seal with; [`crate::ErrorKind::Refused`] if a text is empty or too long for its record;
    /// [`crate::ErrorKind::Internal`] without randomness.
    pub fn begin(spec: SealSpec, ring: &Keyring, entropy: &dyn Entropy) -> Result<(Self, Bytes)> {
        ring.require_seal()?;
        let file_id = random(entropy)?;
        let key = FileKey::random(entropy, file_id)?;
        let salt: Salt = random(entropy)?;
        let fixed = Fixed { spec, file_id }.encode()?;
        let context = context(&fixed);
        let slots = wrap(ring, &key, &file_id, &context, entropy)?;
        let mut begin = Header::build(&fixed, &slots, &key)?;
        let payload_offset = begin.len() as u64;
        let keys = key.payload(&salt, &context)?;
        begin.extend_from_slice(&salt);
        begin.extend_from_slice(&keys.commitment);
        let sealer = Self {
            keys,
            file_id,
            payload_offset,
            rest: Vec::with_capacity(CHUNK_LEN),
            chunks: 0,
        };
        Ok((sealer, Bytes::from(begin)))
    }

    /// Seals a payload without a header.
    #[cfg(test)]
    pub(super) fn of(keys: PayloadKeys) -> Self {
        Self {
            keys,
            file_id: [0; 32],
            payload_offset: 0,
            rest: Vec::new(),
            chunks: 0,
        }
    }

    /// The random name of the object, for the manifest.
    #[must_use]
    pub fn file_id(&self) -> FileId {
        self.file_id
    }

    /// Where the payload begins: the digest in the manifest covers the object from here on.
    #[must_use]
    pub fn payload_offset(&self) -> u64 {
        self.payload_offset
    }

    /// Bytes of the whole object if it were finished now.
    ///
    /// # Errors
    /// See [`payload_len`].
    pub fn stored_len(&self) -> Result<u64> {
        Ok(self.payload_offset + payload_len(self.chunks * CHUNK_LEN as u64 + self.rest.len() as u64)?)
    }

    /// Seals content; every chunk that became full is appended to `out`, which grows by at most `plain.len()` + one chunk + 16 bytes per chunk.
    ///
    /// Reserve `out` beforehand where the size is known. After an error the object must be thrown away.
    ///
    /// # Errors
    /// Fails only if the cryptographic library does.
    pub fn update(&mut self, mut plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if !self.rest.is_empty() {
            let (head, tail) = plain.split_at(plain.len().min(CHUNK_LEN - self.rest.len()));
            self.rest.extend_from_slice(head);
            plain = tail;
            if self.rest.len() < CHUNK_LEN {
                return Ok(());
            }
            self.keys.seal(self.chunks, &self.rest, out)?;
            self.chunks += 1;
            self.rest.clear();
        }
        let mut full = plain.chunks_exact(CHUNK_LEN);
        for chunk in full.by_ref() {
            self.keys.seal(self.chunks, chunk, out)?;
            self.chunks += 1;
        }
        self.rest.extend_from_slice(full.remainder());
        Ok(())
    }

    /// Appends the last chunk, shorter than the others. Without it nothing opens to its end.
    ///
    /// # Errors
    /// Fails only if the cryptographic library does.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<()> {
        self.keys.seal(self.chunks, &self.rest, out)
    }
}

const _: () = assert!(PREAMBLE_LEN == size_of::<Salt>() + 32);

//! Keeps a stream until its end is proven, so that nothing is sent to a store before, and a slow store never holds up the server that gives it.

use super::{
    hold::{Held, Hold, SpoolRoom},
    source::Source,
};
use crate::{
    Error, ErrorKind, Result,
    clock::Entropy,
    id::Id16,
    keys::{KeyKind, Keyring, generate},
    seal::{Codec, Expected, Opener, SealSpec, Sealer},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use std::{fmt, sync::Arc};

/// Ciphertext is kept, written and read in pieces of about this size.
const SEGMENT: usize = 1 << 20;
const PATH: &str = "spool";
const REPOSITORY: Id16 = Id16([0; 16]);

/// A whole stream, encrypted under a key that was made for it and exists in this process only: no plain text is on a disk.
pub struct Spool {
    pub(super) held: Held,
    opener: Opener,
    length: u64,
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("length", &self.length)
            .field("in_file", &self.held.file.is_some())
            .finish()
    }
}

impl Spool {
    /// Takes in all of `source`. Memory: `room.memory` and about two segments of 1 MiB. Dropping the future, or the spool, frees everything.
    ///
    /// # Errors
    /// That of the source, if it fails or does not vouch for its end; [`ErrorKind::Internal`] if the folder has no room.
    pub async fn fill(source: Source, room: &SpoolRoom, entropy: &dyn Entropy) -> Result<Self> {
        let mut filling = Filling::begin(room.clone(), entropy)?;
        let mut stream = source.into_stream();
        while let Some(piece) = stream.try_next().await? {
            filling.write(&piece).await?;
        }
        filling.finish().await
    }

    /// Bytes of the stream.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The stream from its beginning, once. It frees what was read as it goes, and ends with an error if a byte is not what was taken in.
    #[must_use]
    pub fn into_source(self) -> Source {
        let length = self.length;
        let reading = Some(Reading {
            held: self.held,
            opener: self.opener,
        });
        Source::sized(stream::try_unfold(reading, next).boxed(), length)
    }
}

struct Filling {
    sealer: Sealer,
    opener: Opener,
    hold: Hold,
    /// Ciphertext that is no full segment yet.
    next: Vec<u8>,
    length: u64,
}

impl Filling {
    fn begin(room: SpoolRoom, entropy: &dyn Entropy) -> Result<Self> {
        let line = generate(KeyKind::Kek, entropy)?;
        let ring = Arc::new(Keyring::parse(line.expose(), "the key of a spool")?);
        let spec = SealSpec {
            repository: REPOSITORY,
            component: PATH.into(),
            logical_path: PATH.into(),
            content_type: "application/octet-stream".into(),
            codec: Codec::Stored,
            tool: PATH.into(),
            created: Timestamp::UNIX_EPOCH,
        };
        let (sealer, header) = Sealer::begin(spec, &ring, entropy)?;
        Ok(Self {
            sealer,
            opener: Opener::new(Expected::new(REPOSITORY, PATH), ring),
            hold: Hold::new(room),
            next: header.to_vec(),
            length: 0,
        })
    }

    async fn write(&mut self, plain: &[u8]) -> Result<()> {
        for piece in plain.chunks(SEGMENT) {
            self.sealer.update(piece, &mut self.next)?;
            self.length += piece.len() as u64;
            if self.next.len() >= SEGMENT {
                self.put_away().await?;
            }
        }
        Ok(())
    }

    async fn put_away(&mut self) -> Result<()> {
        // Copied, so that a segment takes no more than its size and the buffer is used again.
        let segment = Bytes::copy_from_slice(&self.next);
        self.next.clear();
        self.hold.put(segment).await
    }

    async fn finish(self) -> Result<Spool> {
        let Self { mut hold, mut next, .. } = self;
        self.sealer.finish(&mut next)?;
        hold.put(next.into()).await?;
        Ok(Spool {
            held: hold.finish().await?,
            opener: self.opener,
            length: self.length,
        })
    }
}

struct Reading {
    pub(super) held: Held,
    opener: Opener,
}

async fn next(reading: Option<Reading>) -> Result<Option<(Bytes, Option<Reading>)>> {
    let Some(mut reading) = reading else { return Ok(None) };
    let mut plain = Vec::with_capacity(SEGMENT);
    while plain.is_empty() {
        let Some(stored) = reading.held.next(SEGMENT).await? else {
            reading.opener.finish(&mut plain).map_err(changed)?;
            return Ok((!plain.is_empty()).then(|| (plain.into(), None)));
        };
        reading.opener.update(&stored, &mut plain).map_err(changed)?;
    }
    Ok(Some((plain.into(), Some(reading))))
}

/// Never [`ErrorKind::Damaged`]: nothing that is stored is damaged, this machine is.
fn changed(error: Error) -> Error {
    Error::new(ErrorKind::Internal, "the spool gives other bytes than it took").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemEntropy;
    use std::io::SeekFrom;
    use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

    fn room(memory: usize, folder: &tempfile::TempDir) -> SpoolRoom {
        SpoolRoom {
            memory,
            folder: folder.path().into(),
        }
    }

    fn plain(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i / 7) as u8).collect()
    }

    fn source(plain: &[u8]) -> Source {
        let pieces: Vec<_> = plain
            .chunks(300_000)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        Source::vouched(stream::iter(pieces))
    }

    async fn drain(spool: Spool) -> Result<Vec<u8>> {
        let collect = |mut all: Vec<u8>, piece: Bytes| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        };
        spool.into_source().into_stream().try_fold(Vec::new(), collect).await
    }

    #[tokio::test]
    async fn what_went_in_comes_out_from_memory_and_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 1, 16_384, SEGMENT - 1, SEGMENT, 3 * SEGMENT + 5, 9 * SEGMENT] {
            for memory in [0, 2 * SEGMENT, 64 * SEGMENT] {
                let plain = plain(length);
                let spool = Spool::fill(source(&plain), &room(memory, &folder), &SystemEntropy)
                    .await
                    .unwrap();
                assert_eq!(spool.length(), length as u64);
                assert_eq!(drain(spool).await.unwrap(), plain, "{length} bytes, {memory} in memory");
            }
        }
    }

    #[tokio::test]
    async fn there_is_no_plain_text_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let plain = b"planted ".repeat(500_000);
        let spool = Spool::fill(source(&plain), &room(0, &folder), &SystemEntropy)
            .await
            .unwrap();
        let mut stored = Vec::new();
        let mut file = spool.held.file.unwrap();
        file.read_to_end(&mut stored).await.unwrap();
        assert!(stored.len() > plain.len());
        assert!(!stored.windows(8).any(|window| window == b"planted "));
    }

    #[tokio::test]
    async fn a_source_that_fails_fills_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let broken = Err(Error::new(ErrorKind::SourceFailed, "cut"));
        let source = Source::vouched(stream::iter([Ok(Bytes::from(plain(SEGMENT))), broken]));
        let error = Spool::fill(source, &room(0, &folder), &SystemEntropy)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SourceFailed);
    }

    #[tokio::test]
    async fn a_byte_that_changed_on_disk_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let plain = plain(3 * SEGMENT);
        let mut spool = Spool::fill(source(&plain), &room(0, &folder), &SystemEntropy)
            .await
            .unwrap();
        let file = spool.held.file.as_mut().unwrap();
        file.seek(SeekFrom::Start(2 << 20)).await.unwrap();
        file.write_all(&[7, 7, 7]).await.unwrap();
        file.flush().await.unwrap();
        file.rewind().await.unwrap();
        assert_eq!(drain(spool).await.unwrap_err().kind(), ErrorKind::Internal);
    }
}

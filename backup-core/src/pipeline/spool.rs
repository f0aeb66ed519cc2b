//! Keeps a stream until its end is proven, so that nothing is sent to a store before, and a slow store never holds up the server that gives it.

use super::source::Source;
use crate::{
    Error, ErrorKind, Result,
    clock::Entropy,
    id::Id16,
    keys::{KeyKind, Keyring, generate},
    seal::{Codec, Expected, Opener, SealSpec, Sealer},
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use std::{collections::VecDeque, fmt, io, path::PathBuf, sync::Arc};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};

/// Ciphertext is kept, written and read in pieces of about this size.
const SEGMENT: usize = 1 << 20;
const PATH: &str = "spool";
const REPOSITORY: Id16 = Id16([0; 16]);

/// Where a spool keeps its bytes.
#[derive(Debug, Clone)]
pub struct SpoolRoom {
    /// Bytes that may stay in memory. A longer stream goes into a file.
    pub memory: usize,
    /// Folder of the file. The file has no name there: it vanishes with this process, however it ends.
    pub folder: PathBuf,
}

impl SpoolRoom {
    /// Makes the file of a spool and lets it vanish, to know before a long stream needs it.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if that is not possible in the folder.
    pub fn try_out(&self) -> Result<()> {
        self.file().map(drop)
    }

    fn file(&self) -> Result<std::fs::File> {
        tempfile::tempfile_in(&self.folder).map_err(|error| no_room(self, error))
    }
}

/// A whole stream, encrypted under a key that was made for it and exists in this process only: no plain text is on a disk.
pub struct Spool {
    kept: Kept,
    opener: Opener,
    length: u64,
}

enum Kept {
    Memory(VecDeque<Bytes>),
    File(File),
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("length", &self.length)
            .field("in_file", &matches!(self.kept, Kept::File(_)))
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
            kept: self.kept,
            opener: self.opener,
        });
        Source::sized(stream::try_unfold(reading, next).boxed(), length)
    }
}

struct Filling {
    sealer: Sealer,
    opener: Opener,
    hold: Hold,
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
            hold: Hold::new(room, &header),
            length: 0,
        })
    }

    async fn write(&mut self, plain: &[u8]) -> Result<()> {
        for piece in plain.chunks(SEGMENT) {
            self.sealer.update(piece, &mut self.hold.next)?;
            self.length += piece.len() as u64;
            if self.hold.next.len() >= SEGMENT {
                self.hold.put_away().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Spool> {
        self.sealer.finish(&mut self.hold.next)?;
        Ok(Spool {
            kept: self.hold.finish().await?,
            opener: self.opener,
            length: self.length,
        })
    }
}

/// Ciphertext on its way into memory or, once that is full, the file.
struct Hold {
    room: SpoolRoom,
    kept: Kept,
    held: usize,
    next: Vec<u8>,
}

impl Hold {
    fn new(room: SpoolRoom, header: &[u8]) -> Self {
        Self {
            room,
            kept: Kept::Memory(VecDeque::new()),
            held: 0,
            next: header.to_vec(),
        }
    }

    async fn put_away(&mut self) -> Result<()> {
        if let Kept::Memory(segments) = &mut self.kept {
            if self.held + self.next.len() <= self.room.memory {
                self.held += self.next.len();
                segments.push_back(Bytes::copy_from_slice(&self.next));
                self.next.clear();
                return Ok(());
            }
            let segments = std::mem::take(segments);
            self.kept = Kept::File(self.spill(segments).await?);
        }
        if let Kept::File(file) = &mut self.kept {
            let written = file.write_all(&self.next).await;
            written.map_err(|error| no_room(&self.room, error))?;
            self.next.clear();
        }
        Ok(())
    }

    async fn spill(&self, segments: VecDeque<Bytes>) -> Result<File> {
        let failed = |error| no_room(&self.room, error);
        let mut file = File::from_std(self.room.file()?);
        for segment in segments {
            file.write_all(&segment).await.map_err(failed)?;
        }
        Ok(file)
    }

    async fn finish(mut self) -> Result<Kept> {
        self.put_away().await?;
        if let Kept::File(file) = &mut self.kept {
            let failed = |error| no_room(&self.room, error);
            // What tokio still holds back must fail here and not when it is read.
            file.flush().await.map_err(failed)?;
            file.rewind().await.map_err(failed)?;
        }
        Ok(self.kept)
    }
}

struct Reading {
    kept: Kept,
    opener: Opener,
}

impl Reading {
    /// The next ciphertext; empty at its end.
    async fn stored(&mut self) -> Result<Bytes> {
        match &mut self.kept {
            Kept::Memory(segments) => Ok(segments.pop_front().unwrap_or_default()),
            Kept::File(file) => {
                let mut segment = BytesMut::with_capacity(SEGMENT);
                let failed = |error: io::Error| Error::new(ErrorKind::Internal, "read the spool").because(error);
                file.read_buf(&mut segment).await.map_err(failed)?;
                Ok(segment.freeze())
            }
        }
    }
}

async fn next(reading: Option<Reading>) -> Result<Option<(Bytes, Option<Reading>)>> {
    let Some(mut reading) = reading else { return Ok(None) };
    let mut plain = Vec::with_capacity(SEGMENT);
    while plain.is_empty() {
        let stored = reading.stored().await?;
        if stored.is_empty() {
            reading.opener.finish(&mut plain).map_err(changed)?;
            return Ok((!plain.is_empty()).then(|| (plain.into(), None)));
        }
        reading.opener.update(&stored, &mut plain).map_err(changed)?;
    }
    Ok(Some((plain.into(), Some(reading))))
}

/// Never [`ErrorKind::Damaged`]: nothing that is stored is damaged, this machine is.
fn changed(error: Error) -> Error {
    Error::new(ErrorKind::Internal, "the spool gives other bytes than it took").because(error)
}

fn no_room(room: &SpoolRoom, error: io::Error) -> Error {
    let folder = room.folder.display();
    Error::new(
        ErrorKind::Internal,
        format!("keep the data in {folder} until its end is proven"),
    )
    .because(error)
    .hint(format!(
        "give {folder} more room, or name another folder with --spool-dir or BACKUP_SPOOL_DIR (else it is TMPDIR)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemEntropy;
    use std::os::unix::fs::MetadataExt;

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
    async fn the_file_has_no_name_and_no_plain_text() {
        let folder = tempfile::tempdir().unwrap();
        let plain = b"planted ".repeat(500_000);
        let spool = Spool::fill(source(&plain), &room(0, &folder), &SystemEntropy)
            .await
            .unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let Kept::File(file) = spool.kept else {
            panic!("it stayed in memory")
        };
        let mut stored = Vec::new();
        let mut file = file.into_std().await;
        assert_eq!(file.metadata().unwrap().nlink(), 0);
        io::Read::read_to_end(&mut file, &mut stored).unwrap();
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
        let Kept::File(file) = &mut spool.kept else {
            panic!("it stayed in memory")
        };
        file.seek(io::SeekFrom::Start(2 << 20)).await.unwrap();
        file.write_all(&[7, 7, 7]).await.unwrap();
        file.flush().await.unwrap();
        file.rewind().await.unwrap();
        assert_eq!(drain(spool).await.unwrap_err().kind(), ErrorKind::Internal);
    }

    #[tokio::test]
    async fn a_folder_without_room_is_said() {
        let folder = PathBuf::from("/proc/self");
        let room = SpoolRoom { memory: 0, folder };
        let error = Spool::fill(source(&plain(100)), &room, &SystemEntropy)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.hints()[0].contains("--spool-dir") && error.hints()[0].contains("BACKUP_SPOOL_DIR"));
        assert_eq!(room.try_out().unwrap_err().hints(), error.hints());
    }
}

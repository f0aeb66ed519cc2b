//! Bytes that wait: in memory as far as there is room, the rest in a file without a name.

use crate::{Error, ErrorKind, Result};
use bytes::{Bytes, BytesMut};
use flate2::Crc;
use std::{collections::VecDeque, io, path::PathBuf};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};

/// Where bytes wait.
#[derive(Debug, Clone)]
pub struct SpoolRoom {
    /// Bytes that may stay in memory. What comes after them goes into a file.
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

/// Takes in bytes that are encrypted already.
pub(super) struct Hold {
    room: SpoolRoom,
    memory: VecDeque<Bytes>,
    in_memory: usize,
    file: Option<File>,
    in_file: u64,
    sum: Crc,
}

impl Hold {
    pub(super) fn new(room: SpoolRoom) -> Self {
        Self {
            room,
            memory: VecDeque::new(),
            in_memory: 0,
            file: None,
            in_file: 0,
            sum: Crc::new(),
        }
    }

    /// Keeps a piece; one that goes into the file is not held in memory any more.
    pub(super) async fn put(&mut self, piece: Bytes) -> Result<()> {
        if self.file.is_none() && self.in_memory + piece.len() <= self.room.memory {
            self.in_memory += piece.len();
            self.memory.push_back(piece);
            return Ok(());
        }
        self.append(&piece).await
    }

    /// Whether memory is full: what comes goes into the file, in pieces of any size.
    pub(super) fn is_in_file(&self) -> bool {
        self.file.is_some()
    }

    /// Puts bytes into the file.
    pub(super) async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(File::from_std(self.room.file()?)),
        };
        let written = file.write_all(bytes).await;
        written.map_err(|error| no_room(&self.room, error))?;
        self.in_file += bytes.len() as u64;
        self.sum.update(bytes);
        Ok(())
    }

    /// Everything, to be read from its beginning.
    pub(super) async fn finish(mut self) -> Result<Held> {
        if let Some(file) = &mut self.file {
            let failed = |error| no_room(&self.room, error);
            // What tokio still holds back must fail here and not when it is read.
            file.flush().await.map_err(failed)?;
            file.rewind().await.map_err(failed)?;
        }
        Ok(Held {
            memory: self.memory,
            file: self.file,
            in_file: self.in_file,
            sum: self.sum.sum(),
            seen: Crc::new(),
        })
    }
}

/// Gives back what was put, in order, once.
pub(super) struct Held {
    pub(super) memory: VecDeque<Bytes>,
    pub(super) file: Option<File>,
    in_file: u64,
    sum: u32,
    seen: Crc,
}

impl Held {
    /// The next piece as it was put, while it comes from memory; after that `size` bytes from the file, or what is left of them. `None` after the end.
    /// The last bytes of a file come only if its checksum is that of what was put: a disk that gives other bytes is found before the last object is
    /// complete, and whoever stores takes back those before it.
    pub(super) async fn next(&mut self, size: usize) -> Result<Option<Bytes>> {
        if let Some(piece) = self.memory.pop_front() {
            return Ok(Some(piece));
        }
        let size = usize::try_from(self.in_file).map_or(size, |left| left.min(size));
        let Some(file) = self.file.as_mut().filter(|_| size > 0) else {
            return Ok(None);
        };
        let mut piece = BytesMut::with_capacity(size);
        let mut rest = file.take(size as u64);
        while piece.len() < size {
            let read = rest.read_buf(&mut piece).await;
            if read.map_err(|error| unreadable().because(error))? == 0 {
                return Err(unreadable().because("its file is shorter than it was"));
            }
        }
        self.in_file -= size as u64;
        self.seen.update(&piece);
        if self.in_file == 0 && self.seen.sum() != self.sum {
            return Err(unreadable().because("its file gives other bytes than it took"));
        }
        Ok(Some(piece.freeze()))
    }
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Internal, "read the spool")
}

fn no_room(room: &SpoolRoom, error: io::Error) -> Error {
    let folder = room.folder.display();
    Error::new(
        ErrorKind::Internal,
        format!("keep the data in {folder} until it is on its way"),
    )
    .because(error)
    .hint(format!(
        "give {folder} more room, or name another folder with --spool-dir or BACKUP_SPOOL_DIR (else it is TMPDIR)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn room(memory: usize, folder: &tempfile::TempDir) -> SpoolRoom {
        SpoolRoom {
            memory,
            folder: folder.path().into(),
        }
    }

    #[tokio::test]
    async fn pieces_come_back_in_order_from_memory_and_then_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        for (memory, kept) in [(0, 0), (9, 1), (10, 2), (14, 2), (1000, 4)] {
            let mut hold = Hold::new(room(memory, &folder));
            for piece in [&b"12345"[..], b"67890", b"abcdefgh", b"i"] {
                hold.put(Bytes::from_static(piece)).await.unwrap();
            }
            let mut held = hold.finish().await.unwrap();
            assert_eq!(held.memory.len(), kept, "{memory} bytes in memory");
            let mut all = Vec::new();
            while let Some(piece) = held.next(3).await.unwrap() {
                all.extend_from_slice(&piece);
            }
            assert_eq!(all, b"1234567890abcdefghi");
        }
    }

    #[tokio::test]
    async fn nothing_put_is_nothing_held_and_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut held = Hold::new(room(0, &folder)).finish().await.unwrap();
        assert!(held.file.is_none() && held.next(10).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn the_file_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut hold = Hold::new(room(0, &folder));
        hold.put(Bytes::from_static(b"sealed")).await.unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = hold.finish().await.unwrap().file.unwrap();
        assert_eq!(file.metadata().await.unwrap().nlink(), 0);
    }

    #[tokio::test]
    async fn a_byte_that_changed_in_the_file_is_found_before_the_last_piece_is_given() {
        let folder = tempfile::tempdir().unwrap();
        for at in 0..8 {
            let mut hold = Hold::new(room(0, &folder));
            hold.put(Bytes::from_static(b"12345678")).await.unwrap();
            let mut held = hold.finish().await.unwrap();
            let file = held.file.as_mut().unwrap();
            file.seek(io::SeekFrom::Start(at)).await.unwrap();
            file.write_u8(b'x').await.unwrap();
            file.rewind().await.unwrap();
            held.next(5).await.unwrap();
            let error = held.next(5).await.unwrap_err();
            assert!(error.chain().contains("other bytes"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_file_that_was_cut_is_no_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut hold = Hold::new(room(0, &folder));
        hold.put(Bytes::from_static(b"sealed")).await.unwrap();
        let mut held = hold.finish().await.unwrap();
        held.file.as_mut().unwrap().set_len(3).await.unwrap();
        let error = held.next(6).await.unwrap_err();
        assert!(
            error.kind() == ErrorKind::Internal && error.chain().contains("shorter"),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_folder_without_room_is_said() {
        let room = SpoolRoom {
            memory: 0,
            folder: PathBuf::from("/proc/self"),
        };
        let error = Hold::new(room.clone()).put(Bytes::from_static(b"x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.hints()[0].contains("--spool-dir") && error.hints()[0].contains("BACKUP_SPOOL_DIR"));
        assert_eq!(room.try_out().unwrap_err().hints(), error.hints());
    }
}

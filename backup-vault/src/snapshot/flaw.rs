//! What can be wrong with a snapshot, and where.

use backup_core::{Error, ErrorKind};
use std::fmt;

/// One of the four files in a snapshot, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// What Raft knows about the snapshot.
    Meta,
    /// The data.
    State,
    /// SHA-256 of the two before.
    Sums,
    /// The same, encrypted under the seal.
    SealedSums,
}

impl Member {
    pub(super) const ALL: [Self; 4] = [Self::Meta, Self::State, Self::Sums, Self::SealedSums];

    /// Its name in the archive.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta.json",
            Self::State => "state.bin",
            Self::Sums => "SHA256SUMS",
            Self::SealedSums => "SHA256SUMS.sealed",
        }
    }
}

/// What is wrong with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// Other bytes than those of gzip.
    #[error("it is not gzip")]
    NotGzip,
    /// A gzip header with a name, a comment or other extras.
    #[error("its gzip header has fields that Vault does not write")]
    GzipFields,
    /// The decompressor cannot go on.
    #[error("the compressed data is damaged")]
    Deflate,
    /// The bytes end before the snapshot does.
    #[error("it ends too early")]
    Cut,
    /// The bytes end inside the gzip trailer; everything before it is proven.
    #[error("it is complete but for the last bytes of its gzip trailer")]
    CutTrailer,
    /// The CRC-32 of the trailer is another.
    #[error("the data does not have the checksum of the gzip trailer")]
    Checksum,
    /// The length in the trailer is another.
    #[error("the data does not have the length of the gzip trailer")]
    Length,
    /// Something follows.
    #[error("there are bytes after its end")]
    TrailingBytes,
    /// A tar header does not add up.
    #[error("a tar header does not have its checksum")]
    HeaderChecksum,
    /// A tar header of another kind.
    #[error("a tar header is not one that Vault writes")]
    Header,
    /// An extended tar header of another kind.
    #[error("an extended tar header is not one that Vault writes")]
    Pax,
    /// A file is missing, repeated, out of order or unknown.
    #[error("another file is where this one must be")]
    WrongMember,
    /// The archive ends before its fourth file.
    #[error("the archive ends before this file")]
    MissingMember,
    /// A file beyond its limit.
    #[error("the file is longer than the limit")]
    MemberTooLong,
    /// Something else than zeros fills a block up.
    #[error("the rest of a block is not zero")]
    Padding,
    /// The archive does not end in two blocks of zeros.
    #[error("the archive does not end in two zero blocks")]
    EndBlocks,
    /// Something follows the two blocks of zeros.
    #[error("the archive goes on after its two zero blocks")]
    ArchiveTail,
    /// `meta.json` is not what Raft writes.
    #[error("it is not the description of a Raft snapshot")]
    Meta,
    /// `meta.json` has a version that is not known here.
    #[error("the snapshot has a version other than 1")]
    MetaVersion,
    /// `state.bin` is shorter or longer.
    #[error("its length is not the one in meta.json")]
    StateLength,
    /// A record beyond its limit.
    #[error("a record is longer than the limit")]
    RecordTooLong,
    /// A record that is no `StorageEntry`.
    #[error("a record is not a storage entry")]
    Record,
    /// A key beyond its limit.
    #[error("a key is longer than the limit")]
    KeyTooLong,
    /// A key that is not after the one before it.
    #[error("the keys are not in order")]
    KeyOrder,
    /// A value that must be read, beyond its limit.
    #[error("the configuration of the seal is longer than the limit")]
    ValueTooLong,
    /// The barrier's keys are missing: nothing in it could be decrypted.
    #[error("core/keyring is missing")]
    NoKeyring,
    /// The seal's configuration is missing: nobody could unseal it.
    #[error("core/seal-config is missing")]
    NoSealConfig,
    /// The seal's configuration cannot be read.
    #[error("the configuration of the seal cannot be read")]
    SealConfig,
    /// Not two sums of the two files.
    #[error("it is not a list of the two sums")]
    Sums,
    /// `meta.json` has another sum.
    #[error("the sum of meta.json is another")]
    MetaSum,
    /// `state.bin` has another sum.
    #[error("the sum of state.bin is another")]
    StateSum,
    /// No sealed sums: Vault failed to encrypt them.
    #[error("it is empty")]
    NoSealedSums,
}

/// Where a flaw is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At a byte of the snapshot file.
    File(u64),
    /// At a byte of the decompressed archive, in the headers or the padding around a file.
    Archive {
        /// The byte; a whole block of 512 begins there.
        byte: u64,
        /// The file that is there or must come; `None` after the last.
        member: Option<Member>,
    },
    /// At a byte of a file in the archive. In `state.bin` it is the first byte of the record that is wrong.
    Member {
        /// The file.
        member: Member,
        /// The byte.
        byte: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(byte) => write!(f, "at byte {byte} of the file"),
            Self::Archive { byte, member: None } => write!(f, "at byte {byte} of the archive"),
            Self::Archive {
                byte,
                member: Some(member),
            } => write!(f, "at byte {byte} of the archive, around {}", member.name()),
            Self::Member { member, byte } => write!(f, "at byte {byte} of {}", member.name()),
        }
    }
}

/// Why a snapshot is not proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {flaw}")]
pub struct SnapshotError {
    flaw: Flaw,
    place: Place,
}

impl SnapshotError {
    pub(super) fn new(flaw: Flaw, place: Place) -> Self {
        Self { flaw, place }
    }

    /// What is wrong.
    #[must_use]
    pub fn flaw(&self) -> Flaw {
        self.flaw
    }

    /// Where.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// The error for a snapshot that a server has just sent: the source failed.
    #[must_use]
    pub fn of_server(self) -> Error {
        let error = Error::new(ErrorKind::SourceFailed, "the snapshot that Vault sent is not complete");
        error.because(self).hint(
            "Vault ends a snapshot that failed as if it were whole: the reason is in the log of its leader (often a seal whose token or \
             key has expired); nothing was stored",
        )
    }

    /// The error for a snapshot that was kept somewhere: it is damaged.
    #[must_use]
    pub fn of_stored(self) -> Error {
        let error = Error::new(ErrorKind::Damaged, "the snapshot is not complete").because(self);
        match self.flaw {
            Flaw::CutTrailer => error.hint("all data in it is proven: restore it with --lenient-trailer"),
            _ => error.hint("use another backup: `list` names them"),
        }
    }
}

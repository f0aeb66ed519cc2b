//! Proves that a Raft snapshot is whole, while it streams by.
//!
//! [`Proof`] is pushed every byte of a snapshot file and holds none of it: a gzip member around a tar archive of four files, as
//! `hashicorp/raft-snapshot` writes it for Vault and OpenBao.
//!
//! ```text
//! gzip ─► tar ─► meta.json            index, term, peers, length of state.bin
//!                state.bin            uvarint length + protobuf StorageEntry, keys strictly increasing
//!                SHA256SUMS           of the two before, in either order
//!                SHA256SUMS.sealed    the same list, encrypted under the seal: only Vault can open it
//! ```
//!
//! Proven without any key: the checksum and length of gzip, the four files exactly once and in order, both sums, every record of `state.bin`, the
//! presence of `core/keyring` and `core/seal-config`, and that nothing follows. Not provable here: that the sealed sums and the values decrypt.

mod archive;
mod facts;
mod flaw;
#[cfg(any(test, feature = "testing"))]
pub mod fuzz;
mod gunzip;
mod limits;
mod members;
mod meta;
mod pax;
mod prefixes;
mod proof;
mod proven;
mod records;
mod seal_config;
mod sums;
mod tar_header;
mod varint;

#[cfg(test)]
pub(crate) mod tests;

pub use facts::{Digest, Peer, SealFacts, SnapshotFacts, Trailer};
pub use flaw::{Flaw, Member, Place, SnapshotError};
pub use limits::Limits;
pub use prefixes::{KeyCounts, Tally};
pub use proof::{Proof, prove};
pub use proven::{ProofOutcome, proven};

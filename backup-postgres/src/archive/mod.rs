//! Reads custom-format archives (`pg_dump --format=custom`) while they stream by.
//!
//! [`ArchiveWalk`] is pushed every byte and knows the header, the table of contents and whether all data blocks are there; it keeps no data.
//! [`checked`] puts one around a stream. Layout: `src/bin/pg_dump/pg_backup_archiver.c` and `pg_backup_custom.c` of PostgreSQL, archive
//! versions 1.12 (PostgreSQL 10.3) to 1.16 (17, 18); seen byte for byte in real dumps of 14 to 18.

mod blocks;
mod budget;
mod checked;
mod contents;
mod edited;
mod field;
#[cfg(any(test, feature = "testing"))]
pub mod fuzz;
mod header;
mod objects;
mod toc;
mod walk;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod tests;

pub use budget::Limits;
pub use checked::{Checked, WalkOutcome, checked, read_contents};
pub use contents::{ArchiveHeader, Contents, DatabaseEntry, DumpCompression, QualifiedName, TableData};
pub(crate) use edited::{Edits, edited};
pub(crate) use objects::KINDS;
pub use objects::{Holder, Object, Objects};
pub use walk::{ArchiveWalk, Walked};

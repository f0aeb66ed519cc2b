//! What an archive says about itself.

use super::objects::Objects;
use crate::RawText;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// How the data blocks of an archive are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpCompression {
    /// Not at all (`--compress=0`).
    None,
    /// By `pg_dump`, in any way.
    Some,
}

/// The header of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveHeader {
    /// Version of the format: major, minor, revision.
    pub version: (u8, u8, u8),
    /// How the data is compressed.
    pub compression: DumpCompression,
    /// The database that was dumped.
    pub database: RawText,
    /// Version of the server, as `15.18 (Debian 15.18-0+deb12u1)`.
    pub server_version: String,
    /// Version of the `pg_dump` that wrote it.
    pub dump_version: String,
    /// Entries of the table of contents.
    pub entries: u64,
}

/// A name in a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedName {
    /// The schema.
    pub schema: RawText,
    /// The name in it.
    pub name: RawText,
}

impl QualifiedName {
    /// Both with a dot between them.
    #[must_use]
    pub fn dotted(&self) -> RawText {
        [self.schema.as_bytes(), self.name.as_bytes()].join(&b'.').into()
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// The data of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableData {
    /// The table.
    pub table: QualifiedName,
    /// Its rows, once its block went by; `None` where they cannot be counted (compressed by `pg_dump`, or dumped as INSERT statements).
    pub rows: Option<u64>,
}

/// What is known about the database itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DatabaseEntry {
    /// The statement that creates it.
    pub create: RawText,
    /// The role that owns it.
    pub owner: RawText,
    /// Statements that set its properties (`ALTER DATABASE … SET …`) and privileges (`GRANT … ON DATABASE …`).
    pub properties: Vec<RawText>,
}

fn major(version: &str) -> Option<u32> {
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

impl ArchiveHeader {
    /// Major version of the `pg_dump` that wrote it; `pg_restore` must not be older.
    #[must_use]
    pub fn dump_major(&self) -> Option<u32> {
        major(&self.dump_version)
    }

    /// Major version of the server that was dumped; the server of a restore must not be older.
    #[must_use]
    pub fn server_major(&self) -> Option<u32> {
        major(&self.server_version)
    }
}

/// The table of contents of an archive, and what its blocks held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The header.
    pub header: ArchiveHeader,
    /// The encoding of its names and data, by the server's name for it; absent where it does not say.
    pub encoding: Option<String>,
    /// Tables (partitioned and foreign ones too) that a restore creates.
    pub tables: Vec<QualifiedName>,
    /// What it has beside tables; absent if there is more of it than the limit.
    pub objects: Option<Objects>,
    /// Blocks of table data, in the order of the archive.
    pub data: Vec<TableData>,
    /// How many entries there are of each kind, as `TABLE`, `INDEX`, `FK CONSTRAINT`.
    pub kinds: BTreeMap<String, u64>,
    /// Roles that own something in it; a restore needs them.
    pub owners: BTreeSet<RawText>,
    /// Roles that have privileges, policies or user mappings in it, or gave them; a restore needs them too. Those of the database itself are in [`DatabaseEntry`].
    pub grantees: BTreeSet<RawText>,
    /// Privileges and policies whose roles could not be read: a restore may need further roles.
    pub unread_privileges: u64,
    /// Tablespaces that tables and indexes are in.
    pub tablespaces: BTreeSet<RawText>,
    /// Statements that create extensions.
    pub extensions: Vec<RawText>,
    /// The database itself; absent in a dump of selected tables.
    pub database: Option<DatabaseEntry>,
}

impl Contents {
    pub(super) fn new(header: ArchiveHeader) -> Self {
        Self {
            header,
            encoding: None,
            tables: Vec::new(),
            objects: Some(Objects::default()),
            data: Vec::new(),
            kinds: BTreeMap::new(),
            owners: BTreeSet::new(),
            grantees: BTreeSet::new(),
            unread_privileges: 0,
            tablespaces: BTreeSet::new(),
            extensions: Vec::new(),
            database: None,
        }
    }

    /// Entries of kind `kind`.
    #[must_use]
    pub fn count(&self, kind: &str) -> u64 {
        self.kinds.get(kind).copied().unwrap_or(0)
    }

    /// Major version of the `pg_dump` that wrote it; `pg_restore` must not be older.
    #[must_use]
    pub fn dump_major(&self) -> Option<u32> {
        self.header.dump_major()
    }

    /// Rows of all tables together; `None` if any could not be counted.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        self.data.iter().map(|data| data.rows).sum()
    }
}

//! Archives made by hand, after `pg_backup_archiver.c` and not with the code under test.

/// An entry of the table of contents.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub(super) kind: &'static str,
    pub(super) schema: &'static str,
    pub(super) tag: String,
    pub(super) definition: String,
    pub(super) copy: bool,
    /// Its block: chunks of a table, or of one large object.
    pub(super) block: Option<Vec<Vec<u8>>>,
}

impl Entry {
    pub(super) fn new(kind: &'static str, tag: &str) -> Self {
        Self {
            kind,
            schema: "public",
            tag: tag.into(),
            ..Self::default()
        }
    }

    /// The data of a table with `rows` rows, one chunk each.
    pub(super) fn data(tag: &str, rows: usize) -> Self {
        let mut chunks: Vec<Vec<u8>> = (0..rows).map(|row| format!("{row}\tx\n").into_bytes()).collect();
        chunks.push(b"\\.\n\n\n".to_vec());
        Self {
            copy: true,
            block: Some(chunks),
            ..Self::new("TABLE DATA", tag)
        }
    }
}

fn int(value: i64) -> Vec<u8> {
    let mut bytes = vec![u8::from(value < 0)];
    bytes.extend(u32::try_from(value.unsigned_abs()).unwrap().to_le_bytes());
    bytes
}

fn text(value: Option<&str>) -> Vec<u8> {
    match value {
        None => int(-1),
        Some(value) => [int(value.len().try_into().unwrap()), value.as_bytes().to_vec()].concat(),
    }
}

fn header(minor: u8, level: u8, entries: usize) -> Vec<u8> {
    let mut bytes = b"PGDMP".to_vec();
    bytes.extend([1, minor, 0, 4, 8, 1]);
    if minor >= 15 {
        bytes.push(level);
    } else {
        bytes.extend(int(level.into()));
    }
    for field in [0, 0, 17, 22, 3, 126, 0] {
        bytes.extend(int(field));
    }
    for name in ["platform_money", "15.18", "15.18 (Debian)"] {
        bytes.extend(text(Some(name)));
    }
    bytes.extend(int(entries.try_into().unwrap()));
    bytes
}

fn toc_entry(minor: u8, id: i64, entry: &Entry) -> Vec<u8> {
    let mut bytes = [
        int(id),
        int(entry.block.is_some().into()),
        text(Some("0")),
        text(Some("0")),
    ]
    .concat();
    bytes.extend(text(Some(&entry.tag)));
    bytes.extend(text(Some(entry.kind)));
    bytes.extend(int(3));
    bytes.extend(text(Some(&entry.definition)));
    bytes.extend(text(Some("")));
    bytes.extend(text(entry.copy.then_some("COPY x FROM stdin;\n")));
    bytes.extend(text(Some(entry.schema)));
    bytes.extend(text(None));
    if minor >= 14 {
        bytes.extend(text(Some("heap")));
    }
    if minor >= 16 {
        bytes.extend(int(0));
    }
    bytes.extend(text(Some("kernel")));
    bytes.extend(text(Some("false")));
    bytes.extend(text(Some("1")));
    bytes.extend(text(None));
    bytes.push(if entry.block.is_some() { 1 } else { 3 });
    bytes.extend([0; 8]);
    bytes
}

fn block(id: i64, entry: &Entry) -> Vec<u8> {
    let Some(chunks) = &entry.block else {
        return Vec::new();
    };
    let large = entry.kind == "BLOBS";
    let mut bytes = vec![if large { 3 } else { 1 }];
    bytes.extend(int(id));
    if large {
        bytes.extend(int(16_400));
    }
    for chunk in chunks {
        bytes.extend(int(chunk.len().try_into().unwrap()));
        bytes.extend(chunk);
    }
    bytes.extend(int(0));
    if large {
        bytes.extend(int(0));
    }
    bytes
}

/// The whole archive of version 1.`minor`.
pub(super) fn archive(minor: u8, level: u8, entries: &[Entry]) -> Vec<u8> {
    let mut bytes = header(minor, level, entries.len());
    let numbered = || (1..).zip(entries);
    bytes.extend(numbered().flat_map(|(id, entry)| toc_entry(minor, id, entry)));
    bytes.extend(numbered().flat_map(|(id, entry)| block(id, entry)));
    bytes
}

/// One of everything.
pub(super) fn example(minor: u8) -> Vec<u8> {
    let database = Entry {
        definition: "CREATE DATABASE platform_money WITH TEMPLATE = template0 ENCODING = 'UTF8';\n".into(),
        ..Entry::new("DATABASE", "platform_money")
    };
    let objects = Entry {
        block: Some(vec![b"large".to_vec(), b"object".to_vec()]),
        ..Entry::new("BLOBS", "BLOBS")
    };
    let table = |name| Entry::new("TABLE", name);
    let entries = [
        database,
        table("accounts"),
        table("empty"),
        Entry::new("INDEX", "accounts_pkey"),
        Entry::data("accounts", 3),
        Entry::data("empty", 0),
        objects,
    ];
    archive(minor, 0, &entries)
}

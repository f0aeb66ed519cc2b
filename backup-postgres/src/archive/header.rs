//! The header: everything before the table of contents.

use super::{
    budget::Budget,
    contents::{ArchiveHeader, DumpCompression},
    field::{FieldReader, Shape, Value},
    walk::Flaw,
};
use crate::RawText;

const MAGIC: &[u8; 5] = b"PGDMP";
/// Bytes before the compression field: magic, three of the version, sizes of int and offset, format.
const FIXED: usize = 11;
const CUSTOM_FORMAT: u8 = 1;
/// Fields of the creation time: second, minute, hour, day, month, year, daylight saving.
const TIME_FIELDS: u8 = 7;

/// What follows after the header.
#[derive(Debug)]
pub(super) enum HeaderEnd {
    /// A table of contents that can be walked.
    Toc(ArchiveHeader),
    /// A layout that this walker does not know.
    Unknown((u8, u8, u8)),
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Fixed,
    Compression,
    Time(u8),
    Database,
    ServerVersion,
    DumpVersion,
    Entries,
}

#[derive(Debug)]
pub(super) struct HeaderReader {
    step: Step,
    fixed: Vec<u8>,
    fields: FieldReader,
    header: ArchiveHeader,
}

impl HeaderReader {
    pub(super) fn new() -> Self {
        Self {
            step: Step::Fixed,
            fixed: Vec::with_capacity(FIXED),
            fields: FieldReader::default(),
            header: ArchiveHeader {
                version: (0, 0, 0),
                compression: DumpCompression::None,
                database: RawText::default(),
                server_version: String::new(),
                dump_version: String::new(),
                entries: 0,
            },
        }
    }

    /// Takes the header off `input`; `None` asks for more input.
    pub(super) fn read(&mut self, input: &mut &[u8], budget: &mut Budget) -> Result<Option<HeaderEnd>, Flaw> {
        loop {
            let shape = self.shape();
            let Some(value) = self.fields.read(shape, input, budget)? else {
                return Ok(None);
            };
            if let Some(end) = self.accept(value)? {
                return Ok(Some(end));
            }
        }
    }

    fn shape(&self) -> Shape {
        match self.step {
            Step::Fixed => Shape::Byte,
            Step::Compression if self.header.version.1 >= 15 => Shape::Byte,
            Step::Compression | Step::Time(_) | Step::Entries => Shape::Int,
            Step::Database | Step::ServerVersion | Step::DumpVersion => Shape::Name,
        }
    }

    fn accept(&mut self, value: Value) -> Result<Option<HeaderEnd>, Flaw> {
        match (self.step, value) {
            (Step::Fixed, Value::Byte(byte)) => return self.fixed(byte),
            (Step::Compression, Value::Byte(0) | Value::Int(0)) => self.step = Step::Time(1),
            (Step::Compression, _) => {
                self.header.compression = DumpCompression::Some;
                self.step = Step::Time(1);
            }
            (Step::Time(TIME_FIELDS), _) => self.step = Step::Database,
            (Step::Time(count), _) => self.step = Step::Time(count + 1),
            (Step::Database, Value::Name(text)) => {
                self.header.database = raw(text);
                self.step = Step::ServerVersion;
            }
            (Step::ServerVersion, Value::Name(text)) => {
                self.header.server_version = lossy(text);
                self.step = Step::DumpVersion;
            }
            (Step::DumpVersion, Value::Name(text)) => {
                self.header.dump_version = lossy(text);
                self.step = Step::Entries;
            }
            (Step::Entries, Value::Int(count)) => {
                self.header.entries =
                    u64::try_from(count).map_err(|_| Flaw("its table of contents has a negative size"))?;
                return Ok(Some(HeaderEnd::Toc(self.header.clone())));
            }
            _ => return Err(Flaw("its header is not one of pg_dump")),
        }
        Ok(None)
    }

    fn fixed(&mut self, byte: u8) -> Result<Option<HeaderEnd>, Flaw> {
        self.fixed.push(byte);
        let magic = self.fixed.len().min(MAGIC.len());
        if self.fixed[..magic] != MAGIC[..magic] {
            return Err(Flaw("it is not a custom-format dump: it does not begin with PGDMP"));
        }
        let [_, _, _, _, _, major, minor, revision, int_size, offset_size, format] = self.fixed[..] else {
            return Ok(None);
        };
        self.header.version = (major, minor, revision);
        let known = major == 1 && (12..=16).contains(&minor) && int_size == 4 && offset_size == 8;
        if !known || format != CUSTOM_FORMAT {
            return Ok(Some(HeaderEnd::Unknown(self.header.version)));
        }
        self.step = Step::Compression;
        Ok(None)
    }
}

pub(super) fn raw(text: Option<Vec<u8>>) -> RawText {
    text.unwrap_or_default().into()
}

pub(super) fn lossy(text: Option<Vec<u8>>) -> String {
    text.map(|text| String::from_utf8_lossy(&text).into_owned())
        .unwrap_or_default()
}

//! The data blocks: all there, in order, each complete.

use super::{
    budget::Budget,
    field::{FieldReader, Shape, Value},
    walk::Flaw,
};

const TABLE_BLOCK: u8 = 1;
const LARGE_OBJECTS_BLOCK: u8 = 3;
/// How `pg_dump` ends the data of a table; in every client encoding, the three bytes stand for themselves.
const COPY_END: &[u8; 5] = b"\\.\n\n\n";

/// A block that must come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) dump_id: i64,
    /// Its rows are COPY lines, not INSERT statements.
    pub(super) copies: bool,
    /// Its place in the list of table data; `None` for large objects.
    pub(super) data: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Type,
    DumpId,
    ChunkLength,
    Chunk(u32),
    LargeObject,
    LargeObjectChunkLength,
    LargeObjectChunk(u32),
}

#[derive(Debug)]
pub(super) struct BlockWalk {
    expected: std::vec::IntoIter<Expected>,
    current: Option<Expected>,
    state: State,
    fields: FieldReader,
    plain: bool,
    tail: [u8; 5],
    newlines: u64,
}

/// A table's block that is complete: its place in the list of table data, and its rows.
pub(super) type Filled = (usize, u64);

impl BlockWalk {
    /// `plain` says that the payload is not compressed, so that rows can be counted.
    pub(super) fn new(expected: Vec<Expected>, plain: bool) -> Self {
        Self {
            expected: expected.into_iter(),
            current: None,
            state: State::Type,
            fields: FieldReader::default(),
            plain,
            tail: [0; 5],
            newlines: 0,
        }
    }

    /// Whether every block has been seen to its end.
    pub(super) fn complete(&self) -> bool {
        matches!(self.state, State::Type) && self.expected.len() == 0
    }

    /// Takes blocks off `input` until it is used up (`None`) or a counted table is complete.
    pub(super) fn read(&mut self, input: &mut &[u8], budget: &mut Budget) -> Result<Option<Filled>, Flaw> {
        loop {
            match self.state {
                State::Chunk(left) => match self.chunk(left, input) {
                    0 => self.state = State::ChunkLength,
                    left => self.state = State::Chunk(left),
                },
                State::LargeObjectChunk(left) => match skip(left, input) {
                    0 => self.state = State::LargeObjectChunkLength,
                    left => self.state = State::LargeObjectChunk(left),
                },
                _ => {}
            }
            if input.is_empty() {
                return Ok(None);
            }
            let shape = if matches!(self.state, State::Type) {
                Shape::Byte
            } else {
                Shape::Int
            };
            let Some(value) = self.fields.read(shape, input, budget)? else {
                return Ok(None);
            };
            if let Some(filled) = self.accept(value)? {
                return Ok(Some(filled));
            }
        }
    }

    fn accept(&mut self, value: Value) -> Result<Option<Filled>, Flaw> {
        match (self.state, value) {
            (State::Type, Value::Byte(kind)) => self.begin(kind)?,
            (State::DumpId, Value::Int(id)) => self.check_id(id)?,
            (State::ChunkLength, Value::Int(0)) => return self.end_table(),
            (State::ChunkLength, Value::Int(length)) => self.state = State::Chunk(chunk_length(length)?),
            (State::LargeObject, Value::Int(0)) => self.state = State::Type,
            (State::LargeObject, Value::Int(_)) => self.state = State::LargeObjectChunkLength,
            (State::LargeObjectChunkLength, Value::Int(0)) => self.state = State::LargeObject,
            (State::LargeObjectChunkLength, Value::Int(length)) => {
                self.state = State::LargeObjectChunk(chunk_length(length)?);
            }
            _ => return Err(Flaw("its data blocks are not those of pg_dump")),
        }
        Ok(None)
    }

    fn begin(&mut self, kind: u8) -> Result<(), Flaw> {
        let Some(expected) = self.expected.next() else {
            return Err(Flaw("there are bytes after its last data block"));
        };
        let wanted = if expected.data.is_some() {
            TABLE_BLOCK
        } else {
            LARGE_OBJECTS_BLOCK
        };
        if kind != wanted {
            return Err(Flaw("a data block is not of the kind that its table of contents names"));
        }
        self.current = Some(expected);
        self.tail = [0; 5];
        self.newlines = 0;
        self.state = State::DumpId;
        Ok(())
    }

    fn check_id(&mut self, id: i64) -> Result<(), Flaw> {
        let Some(current) = self.current.filter(|current| current.dump_id == id) else {
            return Err(Flaw("its data blocks are not in the order of its table of contents"));
        };
        self.state = if current.data.is_some() {
            State::ChunkLength
        } else {
            State::LargeObject
        };
        Ok(())
    }

    /// Rows are the newlines of the payload less the three of its end: COPY's text form escapes every other one.
    fn end_table(&mut self) -> Result<Option<Filled>, Flaw> {
        self.state = State::Type;
        let Some(current) = self.current.take().filter(|current| current.copies && self.plain) else {
            return Ok(None);
        };
        if &self.tail != COPY_END {
            return Err(Flaw("the data of a table does not end as pg_dump ends it"));
        }
        Ok(current.data.map(|data| (data, self.newlines.saturating_sub(3))))
    }

    fn chunk(&mut self, left: u32, input: &mut &[u8]) -> u32 {
        let count = input.len().min(left as usize);
        let bytes = &input[..count];
        if self.plain && count > 0 {
            self.newlines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            let new = count.min(self.tail.len());
            self.tail.rotate_left(new);
            self.tail[5 - new..].copy_from_slice(&bytes[count - new..]);
        }
        skip(left, input)
    }
}

fn skip(left: u32, input: &mut &[u8]) -> u32 {
    let count = input.len().min(left as usize);
    *input = &input[count..];
    left - u32::try_from(count).unwrap_or(left)
}

fn chunk_length(length: i64) -> Result<u32, Flaw> {
    u32::try_from(length).map_err(|_| Flaw("a data chunk has a negative length"))
}

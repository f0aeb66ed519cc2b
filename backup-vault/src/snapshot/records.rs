//! `state.bin`: `uvarint length | protobuf StorageEntry { 1: key, 2: value, 3: seal_wrap }`, in the order of the keys.

use super::{
    facts::SealFacts,
    flaw::Flaw,
    limits::Limits,
    prefixes::{Counting, KeyCounts},
    seal_config,
    varint::Varint,
};

const KEYRING: &[u8] = b"core/keyring";
const SEAL_CONFIG: &[u8] = b"core/seal-config";
const RECOVERY_CONFIG: &[u8] = b"core/recovery-config";

const KEY: u64 = 1;
const VALUE: u64 = 2;

/// What the records say.
#[derive(Debug)]
pub(super) struct StateFacts {
    pub(super) keys: KeyCounts,
    pub(super) seal: SealFacts,
    pub(super) recovery: Option<SealFacts>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The length of a record.
    Length,
    /// A field's number and wire type.
    Tag,
    /// The length of a key, a value, or a field that is not known here.
    FieldLength(u64),
    /// A number; none of them matters here.
    Number,
    Key(usize),
    Value(u64),
    Unknown(u64),
}

/// Walks over the records. Values pass by; a key is held until the next one was compared with it.
#[derive(Debug)]
pub(super) struct Records {
    next: Next,
    varint: Varint,
    limits: Limits,
    offset: u64,
    /// Where the record begins that is going by, its length, and what is still to come of it.
    start: u64,
    length: u64,
    left: u64,
    /// The field that came last; they come in ascending order.
    field: u64,
    key: Vec<u8>,
    previous: Vec<u8>,
    /// A value that is read.
    value: Option<Vec<u8>>,
    counting: Counting,
    keyring: bool,
    seal: Option<SealFacts>,
    recovery: Option<SealFacts>,
}

impl Records {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            next: Next::Length,
            varint: Varint::default(),
            limits,
            offset: 0,
            start: 0,
            length: 0,
            left: 0,
            field: 0,
            key: Vec::new(),
            previous: Vec::new(),
            value: None,
            counting: Counting::new(limits),
            keyring: false,
            seal: None,
            recovery: None,
        }
    }

    /// The first byte of the record that is going by.
    pub(super) fn position(&self) -> u64 {
        self.start
    }

    /// Takes the next bytes of `state.bin`.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Flaw> {
        while let Some(first) = bytes.first() {
            let used = match self.next {
                Next::Key(left) => self.key_bytes(left, bytes)?,
                Next::Value(left) => self.value_bytes(left, bytes)?,
                Next::Unknown(left) => self.skip(left, bytes)?,
                Next::Length | Next::Tag | Next::FieldLength(_) | Next::Number => self.varint_byte(*first)?,
            };
            self.offset += used as u64;
            bytes = &bytes[used..];
        }
        Ok(())
    }

    /// The end of `state.bin`.
    pub(super) fn end(&mut self) -> Result<StateFacts, Flaw> {
        if self.next != Next::Length || !self.varint.is_empty() {
            return Err(Flaw::Record);
        }
        self.start = self.offset;
        if !self.keyring {
            return Err(Flaw::NoKeyring);
        }
        Ok(StateFacts {
            keys: self.counting.end(),
            seal: self.seal.take().ok_or(Flaw::NoSealConfig)?,
            recovery: self.recovery.take(),
        })
    }

    fn varint_byte(&mut self, byte: u8) -> Result<usize, Flaw> {
        if self.next != Next::Length {
            self.left = self.left.checked_sub(1).ok_or(Flaw::Record)?;
        } else if self.varint.is_empty() {
            self.start = self.offset;
        }
        if let Some(number) = self.varint.push(byte)? {
            self.number(number)?;
        }
        Ok(1)
    }

    fn number(&mut self, number: u64) -> Result<(), Flaw> {
        match self.next {
            Next::Length => self.begin_record(number),
            Next::Tag => self.tag(number),
            Next::FieldLength(field) => self.begin_field(field, number),
            _ => self.end_field(),
        }
    }

    fn begin_record(&mut self, length: u64) -> Result<(), Flaw> {
        if length == 0 {
            return Err(Flaw::Record);
        }
        if length > self.limits.record {
            return Err(Flaw::RecordTooLong);
        }
        (self.length, self.left, self.field) = (length, length, 0);
        self.key.clear();
        self.next = Next::Tag;
        Ok(())
    }

    /// Wire type 0 is a number, 2 has a length. Fields beyond those of today pass by: the sum proves them.
    fn tag(&mut self, tag: u64) -> Result<(), Flaw> {
        let (field, wire) = (tag >> 3, tag & 7);
        if field <= self.field || field > KEY && self.key.is_empty() {
            return Err(Flaw::Record);
        }
        self.field = field;
        self.next = match (field, wire) {
            (KEY | VALUE, 2) | (4.., 2) => Next::FieldLength(field),
            (3.., 0) => Next::Number,
            _ => return Err(Flaw::Record),
        };
        Ok(())
    }

    fn begin_field(&mut self, field: u64, length: u64) -> Result<(), Flaw> {
        if length > self.left {
            return Err(Flaw::Record);
        }
        self.next = match field {
            KEY => Next::Key(self.key_length(length)?),
            VALUE => {
                self.value = self.wanted(length)?;
                Next::Value(length)
            }
            _ => Next::Unknown(length),
        };
        if length == 0 { self.end_field() } else { Ok(()) }
    }

    fn key_length(&self, length: u64) -> Result<usize, Flaw> {
        let length = usize::try_from(length).ok().filter(|length| *length <= self.limits.key);
        length.ok_or(Flaw::KeyTooLong)
    }

    /// Memory for the value of the current key, if it is one that is read.
    fn wanted(&self, length: u64) -> Result<Option<Vec<u8>>, Flaw> {
        if self.key != SEAL_CONFIG && self.key != RECOVERY_CONFIG {
            return Ok(None);
        }
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.limits.value);
        length
            .map(|length| Some(Vec::with_capacity(length)))
            .ok_or(Flaw::ValueTooLong)
    }

    fn key_bytes(&mut self, left: usize, bytes: &[u8]) -> Result<usize, Flaw> {
        let count = left.min(bytes.len());
        self.key.extend_from_slice(&bytes[..count]);
        self.next = Next::Key(left - count);
        self.pass(count, left as u64)
    }

    fn value_bytes(&mut self, left: u64, bytes: &[u8]) -> Result<usize, Flaw> {
        let count = at_most(left, bytes.len());
        if let Some(value) = &mut self.value {
            value.extend_from_slice(&bytes[..count]);
        }
        self.next = Next::Value(left - count as u64);
        self.pass(count, left)
    }

    fn skip(&mut self, left: u64, bytes: &[u8]) -> Result<usize, Flaw> {
        let count = at_most(left, bytes.len());
        self.next = Next::Unknown(left - count as u64);
        self.pass(count, left)
    }

    /// `count` bytes went by, of `left` that the field still had.
    fn pass(&mut self, count: usize, left: u64) -> Result<usize, Flaw> {
        self.left -= count as u64;
        if count as u64 == left {
            self.end_field()?;
        }
        Ok(count)
    }

    fn end_field(&mut self) -> Result<(), Flaw> {
        if self.left > 0 {
            self.next = Next::Tag;
            return Ok(());
        }
        self.next = Next::Length;
        self.end_record()
    }

    fn end_record(&mut self) -> Result<(), Flaw> {
        if self.key.is_empty() {
            return Err(Flaw::Record);
        }
        if self.key <= self.previous {
            return Err(Flaw::KeyOrder);
        }
        match (self.key.as_slice(), self.value.take()) {
            (KEYRING, _) => self.keyring = true,
            (SEAL_CONFIG, Some(value)) => self.seal = Some(seal_config::parse(&value)?),
            (RECOVERY_CONFIG, Some(value)) => self.recovery = Some(seal_config::parse(&value)?),
            _ => {}
        }
        self.counting.add(&self.key, self.length);
        std::mem::swap(&mut self.key, &mut self.previous);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let value = self.value.as_ref().map_or(0, Vec::capacity);
        self.key.capacity() + self.previous.capacity() + value + self.counting.held()
    }
}

fn at_most(left: u64, length: usize) -> usize {
    usize::try_from(left).map_or(length, |left| left.min(length))
}

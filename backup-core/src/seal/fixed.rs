//! The part of the header that is never rewritten: what the object is.

use super::{FileId, damaged};
use crate::{Error, ErrorKind, Result, id::Id16};
use jiff::Timestamp;

const SUITE: u8 = 1;
/// Names of the records, by tag - 1.
const RECORDS: [&str; 9] = [
    "suite",
    "repository",
    "component",
    "logical path",
    "file id",
    "created",
    "content type",
    "codec",
    "tool",
];

/// How the content stands in the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// As it is.
    Stored,
    /// As zstd frames with a seek table; see [`crate::frames`].
    ZstdFrames,
}

impl Codec {
    fn to_byte(self) -> u8 {
        match self {
            Self::Stored => 0,
            Self::ZstdFrames => 1,
        }
    }
}

/// What an object to be sealed is. All of it stands readable in the header, and is authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealSpec {
    /// The repository that it belongs to.
    pub repository: Id16,
    /// The component that wrote it, as `postgres`; 1 to 64 bytes.
    pub component: String,
    /// What it claims to be, as `20260422_170000/platform_money.pgdump`; 1 to 1024 bytes.
    pub logical_path: String,
    /// Type of the content after decompression, as `application/x-pg-dump`; 1 to 128 bytes.
    pub content_type: String,
    /// How the content stands in it.
    pub codec: Codec,
    /// The program that wrote it, as `backup-postgres 0.1.0`; 1 to 64 bytes.
    pub tool: String,
    /// When; kept to the millisecond.
    pub created: Timestamp,
}

/// The records of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fixed {
    pub(super) spec: SealSpec,
    pub(super) file_id: FileId,
}

impl Fixed {
    /// The records in canonical order.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let spec = &self.spec;
        let created = u64::try_from(spec.created.as_millisecond())
            .map_err(|_| Error::new(ErrorKind::Internal, "the clock of this machine is before 1970"))?;
        let values: [&[u8]; RECORDS.len()] = [
            &[SUITE],
            &spec.repository.0,
            spec.component.as_bytes(),
            spec.logical_path.as_bytes(),
            &self.file_id,
            &created.to_le_bytes(),
            spec.content_type.as_bytes(),
            &[spec.codec.to_byte()],
            spec.tool.as_bytes(),
        ];
        let mut fixed = Vec::with_capacity(256);
        for ((tag, name), value) in (1u8..).zip(RECORDS).zip(values) {
            let length = fitting(tag, value.len()).ok_or_else(|| unfit(name, value.len()))?;
            fixed.push(tag);
            fixed.extend_from_slice(&length.to_le_bytes());
            fixed.extend_from_slice(value);
        }
        Ok(fixed)
    }

    /// Reads the records; the inverse of `encode`, and nothing else is accepted.
    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self> {
        let mut values: [&[u8]; RECORDS.len()] = [&[]; RECORDS.len()];
        for ((tag, name), value) in (1u8..).zip(RECORDS).zip(&mut values) {
            (*value, bytes) = record(tag, name, bytes)?;
        }
        if !bytes.is_empty() {
            return Err(damaged("the header holds a record that this version does not know"));
        }
        let [
            suite,
            repository,
            component,
            path,
            file_id,
            created,
            content_type,
            codec,
            tool,
        ] = values;
        if suite != [SUITE] {
            return Err(damaged(
                "the object is sealed with a suite that this version does not know",
            ));
        }
        let spec = SealSpec {
            repository: Id16(array("repository", repository)?),
            component: text("component", component)?,
            logical_path: text("logical path", path)?,
            content_type: text("content type", content_type)?,
            codec: codec_of(codec)?,
            tool: text("tool", tool)?,
            created: timestamp(array("created", created)?)?,
        };
        let file_id = array("file id", file_id)?;
        Ok(Self { spec, file_id })
    }
}

/// The length as it is written, if a record with this tag may be that long.
fn fitting(tag: u8, length: usize) -> Option<u16> {
    let limits = match tag {
        1 | 8 => 1..=1,
        2 => 16..=16,
        3 | 9 => 1..=64,
        4 => 1..=1024,
        5 => 32..=32,
        6 => 8..=8,
        _ => 1..=128,
    };
    u16::try_from(length).ok().filter(|length| limits.contains(length))
}

fn record<'a>(tag: u8, name: &str, bytes: &'a [u8]) -> Result<(&'a [u8], &'a [u8])> {
    let ([found, low, high], rest) = bytes
        .split_first_chunk::<3>()
        .ok_or_else(|| damaged(format!("the header ends before the record '{name}'")))?;
    if *found != tag {
        return Err(damaged(format!(
            "the header has a record with tag {found} where '{name}' (tag {tag}) belongs"
        )));
    }
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    if fitting(tag, length).is_none() {
        return Err(damaged(format!(
            "the record '{name}' of the header is {length} bytes long"
        )));
    }
    rest.split_at_checked(length)
        .ok_or_else(|| damaged(format!("the header ends within the record '{name}'")))
}

fn unfit(name: &str, length: usize) -> Error {
    Error::new(
        ErrorKind::Refused,
        format!("the {name} of an object cannot be {length} bytes long"),
    )
}

fn text(name: &str, value: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(value);
    text.map(str::to_owned)
        .map_err(|_| damaged(format!("the {name} in the header is not UTF-8")))
}

fn array<const N: usize>(name: &str, value: &[u8]) -> Result<[u8; N]> {
    let array = value.try_into();
    array.map_err(|_| damaged(format!("the record '{name}' of the header has a wrong length")))
}

fn codec_of(value: &[u8]) -> Result<Codec> {
    match value {
        [0] => Ok(Codec::Stored),
        [1] => Ok(Codec::ZstdFrames),
        _ => Err(damaged(
            "the content is encoded with a codec that this version does not know",
        )),
    }
}

fn timestamp(millis: [u8; 8]) -> Result<Timestamp> {
    let wrong = || damaged("the time in the header is out of range");
    let millis = i64::try_from(u64::from_le_bytes(millis)).map_err(|_| wrong())?;
    Timestamp::from_millisecond(millis).map_err(|_| wrong())
}

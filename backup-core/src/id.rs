//! Names of backups, runs and repositories.

use crate::{
    Error, ErrorKind, Result,
    clock::{Entropy, random},
};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use std::{fmt, str::FromStr};

const ID_FORMAT: &str = "%Y%m%d_%H%M%S";

/// The id of a backup: the second in UTC at which its run began, or a later one if a backup that exists had a later one, as `20260422_170000`. Sorts as
/// text as it sorts in time, and the higher one of a target is the newer state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupId(DateTime);

impl BackupId {
    /// The id of the second that holds `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        let now = at.to_zoned(TimeZone::UTC).datetime();
        Self(now.with().subsec_nanosecond(0).build().unwrap_or(now))
    }

    /// The second of this id.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.0
            .to_zoned(TimeZone::UTC)
            .map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime(ID_FORMAT))
    }
}

impl FromStr for BackupId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(
                ErrorKind::Usage,
                format!("'{}' is not the id of a backup", text.escape_debug()),
            )
            .hint("an id looks like 20260422_170000 (UTC); `list` shows them")
        };
        let id = DateTime::strptime(ID_FORMAT, text).map(Self).map_err(|_| wrong())?;
        if id.to_string() == text { Ok(id) } else { Err(wrong()) }
    }
}

impl serde::Serialize for BackupId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for BackupId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Sixteen bytes, shown and parsed as 32 lower-case hexadecimal digits: a repository's id, or a run's nonce.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id16(pub [u8; 16]);

/// The random id of a repository; bound into every sealed object.
pub type RepositoryId = Id16;
/// The random name of one run; no two runs share one.
pub type Nonce = Id16;

impl Id16 {
    /// A fresh random one.
    ///
    /// # Errors
    /// See [`Entropy::fill`].
    pub fn random(entropy: &dyn Entropy) -> Result<Self> {
        random(entropy).map(Self)
    }
}

impl fmt::Display for Id16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hex::encode(&self.0))
    }
}

impl fmt::Debug for Id16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Id16 {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        crate::hex::decode(text).map(Self).ok_or_else(|| {
            Error::new(
                ErrorKind::Damaged,
                format!("'{}' is not an id of 32 hexadecimal digits", text.escape_debug()),
            )
        })
    }
}

impl serde::Serialize for Id16 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Id16 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_as_they_are_written() {
        for text in ["20260422_170000", "19700101_000000", "20240229_235959"] {
            assert_eq!(text.parse::<BackupId>().unwrap().to_string(), text);
        }
        for text in [
            "20260422_17000",
            "20260431_170000",
            "2026-04-22",
            "",
            "20260422_170000 ",
            "+0260422_170000",
        ] {
            assert_eq!(text.parse::<BackupId>().unwrap_err().kind(), ErrorKind::Usage, "{text}");
        }
    }

    #[test]
    fn an_id_names_the_second_it_began() {
        let at: Timestamp = "2026-04-22T17:00:00.999Z".parse().unwrap();
        assert_eq!(BackupId::at(at).to_string(), "20260422_170000");
        assert_eq!(BackupId::at(at).timestamp().to_string(), "2026-04-22T17:00:00Z");
    }
}

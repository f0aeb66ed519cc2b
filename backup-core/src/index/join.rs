//! Two indexes side by side.

use super::{Record, RecordStream};
use crate::Result;
use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use std::cmp::Ordering;

/// A key, and what either side says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// Only the left side has it.
    Left(Record),
    /// Only the right side has it.
    Right(Record),
    /// Both have it.
    Both {
        /// The key.
        key: Bytes,
        /// The value on the left.
        left: Bytes,
        /// The value on the right.
        right: Bytes,
    },
}

/// Every key of both sides once, in ascending order. Memory: a record of each side. It ends without an error only if both sides did.
pub fn join(left: RecordStream, right: RecordStream) -> impl Stream<Item = Result<Joined>> + Send {
    let state = (Side::new(left), Side::new(right));
    stream::try_unfold(state, |(mut left, mut right)| async move {
        left.look().await?;
        right.look().await?;
        let joined = match (left.next.take(), right.next.take()) {
            (None, None) => return Ok(None),
            (Some(one), None) => Joined::Left(one),
            (None, Some(other)) => Joined::Right(other),
            (Some(one), Some(other)) => match one.key.cmp(&other.key) {
                Ordering::Less => {
                    right.next = Some(other);
                    Joined::Left(one)
                }
                Ordering::Greater => {
                    left.next = Some(one);
                    Joined::Right(other)
                }
                Ordering::Equal => Joined::Both {
                    key: one.key,
                    left: one.value,
                    right: other.value,
                },
            },
        };
        Ok(Some((joined, (left, right))))
    })
}

/// A stream with the record that comes next.
pub(super) struct Side {
    records: RecordStream,
    pub(super) next: Option<Record>,
    ended: bool,
}

impl Side {
    pub(super) fn new(records: RecordStream) -> Self {
        Self {
            records,
            next: None,
            ended: false,
        }
    }

    /// Reads the next record, unless it is there already.
    pub(super) async fn look(&mut self) -> Result<()> {
        if self.next.is_none() && !self.ended {
            self.next = self.records.try_next().await?;
            self.ended = self.next.is_none();
        }
        Ok(())
    }
}

//! Many sorted streams as one.

use super::{Record, RecordStream, join::Side, record::shown};
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::{cmp::Reverse, collections::BinaryHeap};

/// The records of all `streams` in ascending order: what a sort in pieces is put together with. Memory: a record of each. It ends without an error
/// only if all of them did.
///
/// # Errors
/// An item is [`ErrorKind::Damaged`] if two of them have the same key.
#[must_use]
pub fn merge(streams: Vec<RecordStream>) -> RecordStream {
    let merging = Merging {
        sides: streams.into_iter().map(Side::new).collect(),
        heads: BinaryHeap::new(),
        last: None,
        begun: false,
    };
    stream::try_unfold(merging, |mut merging| async move {
        Ok(merging.next().await?.map(|record| (record, merging)))
    })
    .boxed()
}

struct Merging {
    sides: Vec<Side>,
    /// The next key of each side that has one, the lowest first.
    heads: BinaryHeap<Reverse<(Bytes, usize)>>,
    last: Option<Bytes>,
    begun: bool,
}

impl Merging {
    async fn next(&mut self) -> Result<Option<Record>> {
        if !self.begun {
            for side in 0..self.sides.len() {
                self.look(side).await?;
            }
            self.begun = true;
        }
        let Some(Reverse((key, side))) = self.heads.pop() else {
            return Ok(None);
        };
        if self.last.as_ref() == Some(&key) {
            let message = format!("two sorted lists have the key {}", shown(&key));
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        self.last = Some(key);
        let record = self.sides.get_mut(side).and_then(|side| side.next.take());
        self.look(side).await?;
        Ok(record)
    }

    async fn look(&mut self, index: usize) -> Result<()> {
        let Some(side) = self.sides.get_mut(index) else {
            return Ok(());
        };
        side.look().await?;
        if let Some(record) = &side.next {
            self.heads.push(Reverse((record.key.clone(), index)));
        }
        Ok(())
    }
}

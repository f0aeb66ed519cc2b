//! Memory for documents that are parsed at once.

use crate::{Error, ErrorKind, Result};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// In KiB.
const ROOM: u32 = 24 << 10;
/// How much more memory a parsed document takes than its bytes, at most: lists in lists, as anybody may write them into `details`. Measured: 45.
const GROWTH: u64 = 45;

/// Room that documents take before they are read, by their length: whoever may write to the store decides how many there are, and how long.
#[derive(Debug, Clone)]
pub(super) struct ParsingRoom(Arc<Semaphore>);

/// Room that was taken; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Taken(#[expect(dead_code, reason = "it is what it holds")] OwnedSemaphorePermit);

impl Default for ParsingRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM as usize)))
    }
}

impl ParsingRoom {
    /// Waits until there is room for a document of `length` bytes. First come, first served; one that is longer than all the room takes all of it.
    pub(super) async fn take(&self, length: u64) -> Result<Taken> {
        let wanted = u32::try_from(length.saturating_mul(GROWTH) / 1024 + 1)
            .unwrap_or(ROOM)
            .min(ROOM);
        let taken = self.0.clone().acquire_many_owned(wanted).await;
        taken
            .map(Taken)
            .map_err(|error| Error::new(ErrorKind::Internal, "nothing is read any more").because(error))
    }
}

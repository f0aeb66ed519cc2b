//! A listing that goes on with the page that failed.

use super::stalled;
use crate::{
    retry::{Attempts, Retrier},
    store::{Key, StoreResult},
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

struct Listing<T> {
    prefix: Key,
    attempts: Attempts,
    retrier: Retrier,
    entries: Option<BoxStream<'static, StoreResult<T>>>,
}

/// `entries`, read on after errors that may go away: the stream under it then asks for the same page again (see [`Store::list`]), so that
/// nothing is lost and nothing comes twice.
///
/// [`Store::list`]: crate::store::Store::list
pub(super) fn resuming<T: Send + 'static>(
    retrier: Retrier,
    prefix: Key,
    entries: BoxStream<'static, StoreResult<T>>,
) -> BoxStream<'static, StoreResult<T>> {
    let listing = Listing {
        prefix,
        attempts: retrier.attempts(),
        retrier,
        entries: Some(entries),
    };
    stream::unfold(listing, |mut listing| async move {
        let entry = listing.next().await?;
        Some((entry, listing))
    })
    .boxed()
}

impl<T> Listing<T> {
    async fn next(&mut self) -> Option<StoreResult<T>> {
        let result = self.try_next().await;
        if matches!(result, None | Some(Err(_))) {
            self.entries = None;
        }
        result
    }

    async fn try_next(&mut self) -> Option<StoreResult<T>> {
        let deadline = self.retrier.policy().deadline;
        let entries = self.entries.as_mut()?;
        // The time that the reader took for the last entry is not the store's.
        self.attempts.progress();
        loop {
            match tokio::time::timeout(deadline, entries.next()).await {
                Ok(Some(Err(error))) => {
                    if let Err(error) = self.attempts.pause(error).await {
                        return Some(Err(error));
                    }
                }
                Ok(entry) => return entry,
                Err(_) => return Some(Err(stalled("list", &self.prefix)().exhausted())),
            }
        }
    }
}

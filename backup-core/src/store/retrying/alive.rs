//! Requests that may take long, and a store that is gone meanwhile.

use super::{Retrying, stalled};
use crate::store::{Key, Store, StoreErrorKind, StoreResult};
use std::pin::pin;
use tokio::time::timeout;

impl<S: Store + ?Sized> Retrying<S> {
    /// What `work` on `key` gives, which may take longer than the deadline: a slow line carries its bytes, or the store puts an upload together. Each time
    /// a deadline has passed, the store is asked something small: one that does not answer that either is given up.
    pub(super) async fn while_alive<T>(
        &self,
        operation: &'static str,
        key: &Key,
        work: impl Future<Output = StoreResult<T>>,
    ) -> StoreResult<T> {
        let deadline = self.retrier.policy().deadline;
        let mut work = pin!(work);
        loop {
            if let Ok(done) = timeout(deadline, &mut work).await {
                return done;
            }
            let silent = tokio::select! {
                biased;
                done = &mut work => return done,
                silent = self.is_silent(key) => silent,
            };
            if silent {
                return Err(stalled(operation, key)().exhausted());
            }
        }
    }

    /// Any answer is a sign of life.
    async fn is_silent(&self, key: &Key) -> bool {
        match timeout(self.retrier.policy().deadline, self.inner.head(key)).await {
            Ok(answer) => answer.is_err_and(|error| error.kind() == StoreErrorKind::Unreachable),
            Err(_) => true,
        }
    }
}

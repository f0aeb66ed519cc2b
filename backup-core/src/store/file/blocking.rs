//! File operations off the async threads.

use super::io_error;
use crate::store::{Key, StoreError, StoreErrorKind, StoreResult};
use std::io;

/// Runs `work` where it may block. Dropping the future does not stop work that has begun.
pub(super) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    key: &Key,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> StoreResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| io_error(error, operation, key)),
        Err(error) => Err(StoreError::new(StoreErrorKind::Other, operation, key).because(error)),
    }
}

//! Waiting for something that others do.

use std::time::Duration;

/// Looks until `happened` says so, a minute at most.
///
/// # Panics
/// If it does not.
pub async fn until(what: &str, happened: impl Fn() -> bool) {
    let looked = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let looked = tokio::time::timeout(Duration::from_secs(60), looked).await;
    assert!(looked.is_ok(), "{what} did not come within a minute");
}

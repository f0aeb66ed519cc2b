mod claiming;
mod committing;
mod documents;
mod golden;
pub(crate) mod kit;
mod latest;
mod leasing;
mod listing;
mod opening;
mod rebuilding;

use crate::{store::StoreErrorKind, testing::Fault};

/// What may happen to a call: refused, answer lost, and the caller's death before and after it.
pub(crate) const FAULTS: [Fault; 4] = [
    Fault::Before(StoreErrorKind::Server),
    Fault::After(StoreErrorKind::Server),
    Fault::Hang,
    Fault::HangAfter,
];

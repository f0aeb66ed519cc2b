//! Clocks that name backups.

use crate::{Error, ErrorKind, Result, id::BackupId};
use jiff::{SignedDuration, Timestamp};

/// From here on a clock is not slow or fast, but wrong. Names of backups say how new they are: what a wrong clock names is the latest for years, or expired at once.
const WRONG: SignedDuration = SignedDuration::from_hours(24);

/// Demands that the clock here and that of the store agree on when something was written.
///
/// # Errors
/// [`ErrorKind::Refused`], with what to do.
pub(super) fn demand_agreement(here: Timestamp, store: Timestamp) -> Result<()> {
    let ahead = here.duration_since(store);
    if ahead.abs() < WRONG {
        return Ok(());
    }
    let message = format!("the clock here says {here}, and that of the store {store}");
    Err(Error::new(ErrorKind::Refused, message)
        .hint("set the clocks of both right: the name of a backup is the time at which it was made"))
}

/// Demands that the newest backup is not far ahead of the clock here.
///
/// # Errors
/// [`ErrorKind::Refused`], with what to do.
pub(super) fn demand_near(here: Timestamp, newest: BackupId, target: &str) -> Result<()> {
    let ahead = newest.timestamp().duration_since(here);
    if ahead < WRONG {
        return Ok(());
    }
    let message = format!("the newest backup of {target} is named {newest}, and the clock here says {here}");
    Err(Error::new(ErrorKind::Refused, message)
        .hint("if the clock here is wrong, set it")
        .hint(format!("if that backup was made with a wrong clock, it stands in the way of all later ones: `prune --forget {newest}` deletes it")))
}

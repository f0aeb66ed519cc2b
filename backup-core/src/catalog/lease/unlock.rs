//! Breaking a stuck lease.

use super::{
    LeaseEntry,
    renew::{self, Deleted},
    survey,
};
use crate::{Context, Error, ErrorKind, Result, store::PutMode};

/// Removes every entry of the lease of `target` and says what they were. A run that still lives finds its lease lost at its next renewal, and stops.
///
/// Idempotent.
///
/// # Errors
/// Those of the store, also if an entry can neither be read nor removed.
pub async fn unlock(cx: &Context, target: &str) -> Result<Vec<LeaseEntry>> {
    crate::catalog::layout::check_target(target)?;
    let (mut broken, mut stays) = (Vec::new(), None);
    for meta in survey::listed(cx, target).await? {
        let Some(entry) = survey::read(cx, &meta.key).await? else {
            continue;
        };
        if renew::delete(cx, &entry.key).await? == Deleted::Forbidden {
            let Some(body) = &entry.body else {
                let message = format!("{} cannot be read, and not be removed either", entry.key);
                stays.get_or_insert(Error::new(ErrorKind::StoreFailed, message));
                continue;
            };
            cx.store
                .put(&entry.key, body.released().encode()?, PutMode::Overwrite)
                .await?;
        }
        broken.push(entry);
    }
    match stays {
        Some(stays) => Err(stays
            .hint(format!("the {} other entries were removed", broken.len()))
            .hint("delete the object with an identity that may, or give this one the right to")),
        None => Ok(broken),
    }
}

//! Says what there is instead of a backup that is not there.

use crate::args::verbs::At;
use backup_core::{self as core, Error, ErrorKind, catalog::list};

/// The error for a backup that was asked for and is not there: of one artifact, or of any. Trust plays no part in it: what nobody vouches for was looked at
/// too.
pub(super) async fn absent(cx: &core::Context, program: &str, (at, artifact): (Option<At>, Option<&str>)) -> Error {
    let place = cx.store.location();
    let ids = match list::ids(cx).await {
        Ok(ids) => ids,
        Err(error) => return error.context("look for backups"),
    };
    let not_found = |what: String| Error::new(ErrorKind::NotFound, what);
    if ids.is_empty() {
        return not_found(format!("there are no backups at {place}"))
            .hint("check --store / BACKUP_STORE; the first backup that comes to its end is the first that is there");
    }
    let list = format!("`{program} list` shows what is there");
    match (at, artifact) {
        (Some(At::Id(id)), _) => not_found(format!("there is no backup {id} at {place}")).hint(list),
        (_, Some(artifact)) => not_found(format!("no backup at {place} holds {artifact}")).hint(list),
        (_, None) => not_found(format!("there is no complete backup of {program} at {place}")).hint(list),
    }
}

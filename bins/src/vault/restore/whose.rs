//! Whose latest snapshot is meant, where a store has those of several clusters.

use crate::{args::vault::RestoreArgs, args::verbs::At, vault::about::About, verbs::origin::newest_of_each};
use backup_core::{self as core, Error, ErrorKind, Result, catalog::Manifest};
use backup_vault::VaultRaft;

/// The cluster whose latest it is; `None` if one was named, or there is no choice. A cluster takes its own back; with force, any may be meant, and
/// the newest is not: a fresh server that was backed up into the same store would be restored by its own empty state.
///
/// # Errors
/// `Refused` if it is not clear; those of store and server.
pub(super) async fn whose(cx: &core::Context, target: &VaultRaft, args: &RestoreArgs) -> Result<Option<String>> {
    if args.from.is_some() || matches!(args.at, Some(At::Id(_))) {
        return Ok(None);
    }
    let newest = newest_of_each(cx, target).await?;
    if newest.len() < 2 {
        return Ok(None);
    }
    if args.force {
        let message = "the store has snapshots of several clusters, and none was named";
        return Err(named(Error::new(ErrorKind::Refused, message), &newest));
    }
    let own = target.cluster_id(cx).await?;
    if newest.iter().any(|manifest| manifest.lineage == own) {
        return Ok(Some(own));
    }
    let message = format!("the store has snapshots of several clusters, and none of the target's ({own})");
    let error = named(Error::new(ErrorKind::Refused, message), &newest);
    Err(error.hint("onto another cluster a snapshot is restored with --force"))
}

fn named(error: Error, newest: &[Manifest]) -> Error {
    newest.iter().fold(error, |error, manifest| {
        error.hint(format!("the newest of {}: --at {}", About::of(manifest), manifest.id))
    })
}

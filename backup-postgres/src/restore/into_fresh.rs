//! A whole restore by way of a fresh database.

use super::{FreshDatabase, RestoreTarget, Restored, Rights, compare_rights, unless_cancelled};
use crate::{
    archive::{Contents, Walked},
    catalog::missing_databases,
};
use backup_core::{Error, ErrorKind, Result, event::Finding, id::BackupId};
use bytes::Bytes;
use futures::Stream;

/// What becomes of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// No database has it yet (`--create`).
    Create,
    /// A live database has it and is exchanged (`--swap`).
    Swap,
}

/// A database that was restored and has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// What the walk over the dump proved.
    pub walked: Walked,
    /// The name under which the old database was kept.
    pub kept: Option<String>,
    /// Whether its rights are those of the dump; not, if the layout of the dump is not known.
    pub rights: Option<Rights>,
    /// What to look at.
    pub findings: Vec<Finding>,
}

/// Restores `dump` into a fresh database, checks it against `contents`, and gives it the target's name. If any of it fails, the fresh database is dropped
/// and whatever had the name still has it.
///
/// A dropped call leaves the fresh database `NAME__restore_ID` behind; [`crate::check::check_leftovers`] finds it.
///
/// # Errors
/// `Refused` or `NotFound` before the first byte of the dump is asked for, if the name is taken or missing against `placement`; else as the steps of [`FreshDatabase`].
pub async fn restore_into_fresh(
    target: RestoreTarget<'_>,
    placement: Placement,
    id: BackupId,
    contents: Option<&Contents>,
    dump: impl Stream<Item = Result<Bytes>> + Send + 'static,
) -> Result<Placed> {
    let fresh = FreshDatabase::create(target, id, contents).await?;
    match fill_and_place(&fresh, target, placement, contents, dump).await {
        Ok(placed) => Ok(placed),
        Err(error) => Err(match fresh.discard().await {
            Ok(()) => error,
            Err(stays) => error.hint(format!("{}; drop it by hand", stays.chain())),
        }),
    }
}

async fn fill_and_place(
    fresh: &FreshDatabase,
    target: RestoreTarget<'_>,
    placement: Placement,
    contents: Option<&Contents>,
    dump: impl Stream<Item = Result<Bytes>> + Send + 'static,
) -> Result<Placed> {
    name_fits(fresh, target.database, placement).await?;
    let walked = fresh.restore(target.tools, dump).await?;
    let mut rights = None;
    if let Some(contents) = contents {
        fresh.check(contents).await?;
        let restored = Restored {
            settings: target.settings,
            tools: target.tools,
            database: fresh.name(),
            subject: target.database,
        };
        let compared = async { Ok(compare_rights(restored, contents).await) };
        rights = Some(unless_cancelled(target.cancel, compared).await?);
    }
    let mut placed = Placed {
        walked,
        kept: None,
        rights,
        findings: Vec::new(),
    };
    if placement == Placement::Create {
        fresh.publish().await?;
        placed.findings.extend(fresh.comment_late().await);
        return Ok(placed);
    }
    let swapped = fresh.swap().await?;
    placed.kept = Some(swapped.kept);
    placed.findings = swapped.findings;
    placed.findings.extend(fresh.comment_late().await);
    Ok(placed)
}

async fn name_fits(fresh: &FreshDatabase, name: &str, placement: Placement) -> Result<()> {
    let missing = !missing_databases(&fresh.admin().await?, &[name.to_owned()])
        .await?
        .is_empty();
    match (placement, missing) {
        (Placement::Create, false) => Err(
            Error::new(ErrorKind::Refused, format!("database {name} exists already"))
                .hint("restore onto it, or exchange it with --swap, or name another with --target-db"),
        ),
        (Placement::Swap, true) => Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no database {name} to exchange"),
        )
        .hint("restore it with --create")),
        _ => Ok(()),
    }
}

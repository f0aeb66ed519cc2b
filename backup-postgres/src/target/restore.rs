//! Restores one database from a dump.

use super::{PgDump, RestorePlan};
use crate::{
    Session,
    archive::{Contents, Walked, edited},
    facts::unread_version,
    recode::as_dumped,
    restore::{
        Drops, Placement, RestoreTarget, Restored, Rights, compare_rights_until, leftover, reset_statements,
        restore_in_place, restore_into_fresh,
    },
    schema_version,
};
use backup_core::{
    Error, ErrorKind, Result,
    context::Context,
    event::{Event, Finding},
    id::BackupId,
    pipeline::{ByteStream, FirstRead},
};
use futures::{StreamExt, TryStreamExt};
use std::sync::atomic::{AtomicU64, Ordering};

/// How a database is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Onto the database that is there, in one transaction.
    InPlace,
    /// Onto a database that is empty but for extensions that somebody made, in one transaction.
    IntoPrepared,
    /// Into a database that does not exist yet.
    Create,
    /// Into a fresh database that then takes the name of the one that is there.
    Swap,
}

impl Way {
    /// Whether it writes into a database that is there.
    pub(super) fn is_in_place(self) -> bool {
        matches!(self, Self::InPlace | Self::IntoPrepared)
    }
}

/// What is to be restored where.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    /// The database that is written.
    pub database: String,
    /// The database that the dump must be of. A dump of another is refused; `None` takes any.
    pub dump_of: Option<String>,
    /// How.
    pub way: Way,
    /// Whether every piece of the dump is proven before it is given out, as of a sealed object. If not, all of it is read and checked before any of it is
    /// used: `pg_restore` runs what stands in it.
    pub proven_by_piece: bool,
    /// Whether a database that a dead restore left under the name that this one fills is dropped; it is refused otherwise.
    pub replace_leftover: bool,
    /// The backup that it comes from; names the databases that a restore makes on its way.
    pub id: BackupId,
}

/// What a restore did.
#[derive(Debug, Clone, Default)]
pub struct RestoreReport {
    /// Tables that were made after the backup, and are still there.
    pub survived: Vec<String>,
    /// What else was made after the backup and is still there, as `function public.f(integer)`.
    pub survived_too: Vec<String>,
    /// The name under which the old database was kept.
    pub kept: Option<String>,
    /// Rows that were restored, if they could be counted.
    pub rows: Option<u64>,
    /// Tables that were restored.
    pub tables: Option<u64>,
    /// The schema version that goose recorded, now.
    pub schema_version: Option<i64>,
    /// On how many things the rights are not those of the dump; absent if they could not be compared.
    pub rights_that_differ: Option<u64>,
    /// What somebody should look at; each was an event as well.
    pub findings: Vec<Finding>,
}

impl PgDump {
    /// Restores the dump that `open` gives, from its beginning each time it is called (once or twice).
    ///
    /// In place, and where its pieces do not prove themselves, the whole dump is read, authenticated and walked before a byte of it reaches the server.
    /// In every way the database is afterwards as in
    /// the dump, or as it was; see [`crate::restore`].
    ///
    /// # Errors
    /// `Refused` and `NotFound` before anything is touched; `Cancelled` before anything is committed or exchanged; those of the dump and of the server.
    pub async fn restore<O>(&self, cx: &Context, request: &RestoreRequest, open: O) -> Result<RestoreReport>
    where
        O: Fn() -> ByteStream,
    {
        let restored = Box::pin(self.carry_out(cx, request, open)).await;
        restored.map_err(|error| match error.kind() {
            ErrorKind::Cancelled => untouched(request, &error),
            _ => error,
        })
    }

    async fn carry_out<O>(&self, cx: &Context, request: &RestoreRequest, open: O) -> Result<RestoreReport>
    where
        O: Fn() -> ByteStream,
    {
        let first = FirstRead::default();
        let plan = Box::pin(self.plan_restore(cx, request, first.of(open()))).await?;
        for finding in &plan.findings {
            cx.events.emit(Event::Finding(finding.clone()));
        }
        let target = RestoreTarget {
            settings: &self.settings.without_timeouts(plan.facts.version),
            tools: &plan.tools,
            database: &request.database,
            cancel: &cx.cancel,
        };
        if let Some(leftover) = &plan.leftover {
            let removed = self.remove_leftover(leftover);
            cx.unless_cancelled(&format!("drop {leftover}"), removed).await?;
        }
        // Nothing reaches the server that was not looked over, whoever writes to the store meanwhile.
        let dump = watched(cx, &request.database, first.again(open()));
        let mut report = match request.way {
            Way::InPlace | Way::IntoPrepared => Box::pin(self.in_place(target, &plan, dump)).await?,
            Way::Create => Box::pin(fresh(target, Placement::Create, request, plan.contents.as_ref(), dump)).await?,
            Way::Swap => Box::pin(fresh(target, Placement::Swap, request, plan.contents.as_ref(), dump)).await?,
        };
        let version = self.version_now(&request.database);
        match cx.unless_cancelled("read the schema version", version).await {
            Ok(version) => report.schema_version = version,
            Err(error) => report.findings.push(unread_version(&request.database, &error)),
        }
        for finding in &report.findings {
            cx.events.emit(Event::Finding(finding.clone()));
        }
        report.findings.splice(..0, plan.findings);
        Ok(report)
    }

    async fn remove_leftover(&self, name: &str) -> Result<()> {
        let session = Session::connect(&self.settings, &self.settings.maintenance_database).await?;
        leftover::remove(&session, name).await
    }

    async fn in_place(&self, target: RestoreTarget<'_>, plan: &RestorePlan, dump: ByteStream) -> Result<RestoreReport> {
        let mut report = RestoreReport {
            survived: plan.survive.clone(),
            survived_too: plan.survive_too.clone(),
            ..RestoreReport::default()
        };
        let Some(contents) = &plan.contents else {
            count(&mut report, &restore_in_place(target, dump).await?);
            return Ok(report);
        };
        // Asked for as late as can be: it is the state of this moment that is replaced.
        let session = Session::connect(&self.settings, target.database).await?;
        let mut edits = Drops::plan(&session, target.database, contents).await?.edits;
        let first = as_dumped(&session, contents, vec![edits.first.into()]).await?;
        edits.first = first.iter().flat_map(|text| text.as_bytes()).copied().collect();
        // These are in the encoding of the dump already.
        edits.first.extend(reset_statements(&session, contents).await?);
        let dump = edited(dump, edits);
        drop(session);
        count(&mut report, &restore_in_place(target, dump).await?);
        let restored = Restored {
            settings: target.settings,
            tools: target.tools,
            database: target.database,
            subject: target.database,
        };
        take(
            &mut report,
            compare_rights_until(target.cancel, restored, contents).await,
        );
        Ok(report)
    }

    async fn version_now(&self, database: &str) -> Result<Option<i64>> {
        schema_version(&Session::connect(&self.settings, database).await?).await
    }
}

/// Who stops a restore wants to know what there is now, not what it was doing.
fn untouched(request: &RestoreRequest, error: &Error) -> Error {
    let what = match request.way {
        Way::InPlace | Way::IntoPrepared | Way::Swap => format!("{} is as it was", request.database),
        Way::Create => format!("{} was not made", request.database),
    };
    let stopped = Error::new(ErrorKind::Cancelled, what);
    // As of a database that could not be dropped.
    error
        .hints()
        .iter()
        .fold(stopped, |error, hint| error.hint(hint.clone()))
}

async fn fresh(
    target: RestoreTarget<'_>,
    placement: Placement,
    request: &RestoreRequest,
    contents: Option<&Contents>,
    dump: ByteStream,
) -> Result<RestoreReport> {
    let placed = restore_into_fresh(target, placement, request.id, contents, dump).await?;
    let mut report = RestoreReport {
        kept: placed.kept,
        findings: placed.findings,
        ..RestoreReport::default()
    };
    count(&mut report, &placed.walked);
    if let Some(rights) = placed.rights {
        take(&mut report, rights);
    }
    Ok(report)
}

fn take(report: &mut RestoreReport, rights: Rights) {
    report.rights_that_differ = rights.differ;
    report.findings.extend(rights.findings);
}

fn count(report: &mut RestoreReport, walked: &Walked) {
    if let Walked::Complete(contents) = walked {
        report.rows = contents.rows();
        report.tables = Some(contents.tables.len() as u64);
    }
}

/// The dump, with an event for each piece that goes by.
fn watched(cx: &Context, database: &str, dump: ByteStream) -> ByteStream {
    let (events, name, read) = (cx.events.clone(), database.to_owned(), AtomicU64::new(0));
    events.emit(Event::ArtifactStarted {
        name: name.clone(),
        expected: None,
    });
    dump.inspect_ok(move |bytes| {
        let read = read.fetch_add(bytes.len() as u64, Ordering::Relaxed) + bytes.len() as u64;
        events.emit(Event::ArtifactProgress {
            name: name.clone(),
            read,
            written: read,
        });
    })
    .boxed()
}

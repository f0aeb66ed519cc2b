//! Restores one database from a dump.

use super::{PgDump, unknown_layout};
use crate::{
    ClientTools, ServerFacts, Session,
    archive::{Contents, Limits, Walked, checked, read_contents},
    catalog::missing_databases,
    connection::quoted,
    facts::unread_version,
    restore::{
        Placement, RestoreTarget, derived_names, lock_need, missing_roles, restore_in_place, restore_into_fresh,
        unless_cancelled,
    },
    schema_version, server_facts, surviving_tables,
};
use backup_core::{
    Error, ErrorKind, Result,
    context::Context,
    event::{Event, Finding, Severity},
    id::BackupId,
    pipeline::ByteStream,
};
use futures::{StreamExt, TryStreamExt};
use std::sync::atomic::{AtomicU64, Ordering};

/// How a database is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Onto the database that is there, in one transaction.
    InPlace,
    /// Into a database that does not exist yet.
    Create,
    /// Into a fresh database that then takes the name of the one that is there.
    Swap,
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
    /// The backup that it comes from; names the databases that a restore makes on its way.
    pub id: BackupId,
}

/// What a restore did.
#[derive(Debug, Clone, Default)]
pub struct RestoreReport {
    /// Tables that were made after the backup, and are still there.
    pub survived: Vec<String>,
    /// The name under which the old database was kept.
    pub kept: Option<String>,
    /// Rows that were restored, if they could be counted.
    pub rows: Option<u64>,
    /// Tables that were restored.
    pub tables: Option<u64>,
    /// The schema version that goose recorded, now.
    pub schema_version: Option<i64>,
    /// What somebody should look at.
    pub findings: Vec<Finding>,
}

struct Prepared {
    facts: ServerFacts,
    contents: Option<Contents>,
    tools: ClientTools,
}

impl PgDump {
    /// Restores the dump that `open` gives, from its beginning each time it is called (once or twice).
    ///
    /// In place, the whole dump is read, authenticated and walked before a byte of it reaches the database. In every way the database is afterwards as in
    /// the dump, or as it was; see [`crate::restore`].
    ///
    /// # Errors
    /// `Refused` and `NotFound` before anything is touched; `Cancelled` before anything is committed or exchanged; those of the dump and of the server.
    pub async fn restore<O>(&self, cx: &Context, request: &RestoreRequest, open: O) -> Result<RestoreReport>
    where
        O: Fn() -> ByteStream,
    {
        let prepared = unless_cancelled(&cx.cancel, self.prepare(cx, request, &open)).await?;
        let contents = prepared.contents.as_ref();
        let target = RestoreTarget {
            settings: &self.settings.without_timeouts(prepared.facts.version),
            tools: &prepared.tools,
            database: &request.database,
            cancel: &cx.cancel,
        };
        if contents.is_none() {
            cx.events.emit(Event::Finding(unknown_layout(&request.database)));
        }
        let dump = watched(cx, &request.database, open());
        let mut report = match request.way {
            Way::InPlace => self.in_place(cx, target, &prepared, dump).await?,
            Way::Create => fresh(target, Placement::Create, request, contents, dump).await?,
            Way::Swap => fresh(target, Placement::Swap, request, contents, dump).await?,
        };
        match self.version_now(&request.database).await {
            Ok(version) => report.schema_version = version,
            Err(error) => report.findings.push(unread_version(&request.database, &error)),
        }
        Ok(report)
    }

    /// Everything that can be known before the first change.
    async fn prepare<O>(&self, cx: &Context, request: &RestoreRequest, open: &O) -> Result<Prepared>
    where
        O: Fn() -> ByteStream,
    {
        let session = Session::connect(&self.settings, &self.settings.maintenance_database).await?;
        let facts = server_facts(&session).await?;
        self.demand_place(&session, request).await?;
        let contents = match request.way {
            Way::InPlace => whole(cx, request, open()).await?,
            Way::Create | Way::Swap => read_contents(open(), Limits::default()).await?,
        };
        if let Some(contents) = &contents {
            demand_source(request, &contents.header.database)?;
            demand_roles(&session, contents).await?;
        }
        let needed = contents.as_ref().and_then(Contents::dump_major).unwrap_or(0);
        let tools = ClientTools::find_nearest(&self.tools, facts.version.major().max(needed)).await?;
        Ok(Prepared { facts, contents, tools })
    }

    async fn version_now(&self, database: &str) -> Result<Option<i64>> {
        schema_version(&Session::connect(&self.settings, database).await?).await
    }

    /// The database has to be there, or not to be there, before anything else is looked at.
    async fn demand_place(&self, session: &Session, request: &RestoreRequest) -> Result<()> {
        let name = std::slice::from_ref(&request.database);
        let missing = !missing_databases(session, name).await?.is_empty();
        match (request.way, missing) {
            (Way::Create, false) => Err(Error::new(
                ErrorKind::Refused,
                format!("database {} exists already", request.database),
            )
            .hint(
                "leave out --create to restore onto it, or use --swap to exchange it, or --target-db for another name",
            )),
            (Way::InPlace | Way::Swap, true) => Err(Error::new(
                ErrorKind::NotFound,
                format!("the server has no database {}", request.database),
            )
            .hint("use --create to make it")),
            (Way::InPlace, false) => Ok(()),
            (Way::Create, true) | (Way::Swap, false) => demand_names(session, request).await,
        }
    }

    async fn in_place(
        &self,
        cx: &Context,
        target: RestoreTarget<'_>,
        prepared: &Prepared,
        dump: ByteStream,
    ) -> Result<RestoreReport> {
        let session = Session::connect(&self.settings, target.database).await?;
        let mut report = RestoreReport::default();
        if let Some(contents) = &prepared.contents {
            if let Some(locks) = lock_need(&session, &prepared.facts, contents).await?.check()? {
                cx.events.emit(Event::Finding(locks));
            }
            report.survived = surviving_tables(&session, contents)
                .await?
                .iter()
                .map(ToString::to_string)
                .collect();
            announce_survivors(cx, target.database, &report.survived);
        }
        // An idle session in the database would only be in the way of what the dump drops.
        drop(session);
        count(&mut report, &restore_in_place(target, dump).await?);
        Ok(report)
    }
}

/// Said before the first change, while it can still be stopped.
fn announce_survivors(cx: &Context, database: &str, survived: &[String]) {
    if !survived.is_empty() {
        cx.events.emit(Event::Finding(Finding {
            severity: Severity::Note,
            subject: database.to_owned(),
            message: format!(
                "tables that were made after the backup will stay: {}",
                survived.join(", ")
            ),
            hint: Some("--swap restores without them, and keeps the old database".into()),
        }));
    }
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
    Ok(report)
}

fn count(report: &mut RestoreReport, walked: &Walked) {
    if let Walked::Complete(contents) = walked {
        report.rows = contents.rows();
        report.tables = Some(contents.tables.len() as u64);
    }
}

/// Reads all of the dump, so that whatever is wrong with it is known before the database is touched.
async fn whole(cx: &Context, request: &RestoreRequest, dump: ByteStream) -> Result<Option<Contents>> {
    cx.events.emit(Event::Step(format!(
        "reading the whole dump before {} is touched",
        request.database
    )));
    let (mut dump, outcome) = checked(dump, Limits::default());
    while dump.try_next().await?.is_some() {}
    Ok(match outcome.get() {
        Some(Walked::Complete(contents)) => Some((**contents).clone()),
        _ => None,
    })
}

/// The names that the restore gives on its way are known before its first byte; a second restore of one backup would fail on them after the last.
async fn demand_names(session: &Session, request: &RestoreRequest) -> Result<()> {
    let (filling, kept) = derived_names(&request.database, request.id);
    let mut names = vec![filling];
    if request.way == Way::Swap {
        names.push(kept);
    }
    let missing = missing_databases(session, &names).await?;
    match names.into_iter().find(|name| !missing.contains(name)) {
        None => Ok(()),
        Some(taken) => Err(Error::new(
            ErrorKind::Refused,
            format!("database {taken} of an earlier restore of backup {} is still there", request.id),
        )
        .hint(format!(
            "if it is no longer needed and no restore runs: DROP DATABASE {0}; else ALTER DATABASE {0} RENAME TO another name",
            quoted(&taken)
        ))),
    }
}

/// Objects of one database merged into another would go unseen: a restore in place drops nothing that the dump does not hold.
fn demand_source(request: &RestoreRequest, dumped: &str) -> Result<()> {
    match &request.dump_of {
        Some(wanted) if wanted != dumped => Err(Error::new(
            ErrorKind::Refused,
            format!("this is a dump of {dumped}, not of {wanted}"),
        )
        .hint(format!(
            "this is a dump of {dumped}: restore {dumped} KEY --target-db {}",
            request.database
        ))),
        _ => Ok(()),
    }
}

async fn demand_roles(session: &Session, contents: &Contents) -> Result<()> {
    let missing = missing_roles(session, contents).await?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Refused,
        format!(
            "the server has no role {}, which owns something in the dump",
            missing.join(", ")
        ),
    )
    .hint("`backup-postgres restore --globals` makes the roles of the backup"))
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

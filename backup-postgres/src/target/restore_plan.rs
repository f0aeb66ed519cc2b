//! What a restore is going to do: everything that can be known before the first change.

use super::{
    PgDump, RestoreRequest, Way,
    restore_version::{changed_defaults, demand_version},
    unknown_layout,
};
use crate::{
    ClientTools, RawText, ServerFacts, Session,
    archive::{Contents, Limits, QualifiedName, Walked, checked, read_contents},
    catalog::missing_databases,
    connection::quoted,
    readable::readable,
    recode::recoded,
    restore::{
        Drops, LockNeed, demand_extensions, demand_prepared, derived_names,
        leftover::{self, Filled},
        lock_need, missing_roles, missing_roles_of_database, missing_tablespaces, unless_cancelled,
    },
    server_facts, surviving_objects, surviving_tables, user_tables,
};
use backup_core::{
    Error, ErrorKind, Result,
    context::Context,
    event::{Event, Finding, Severity},
    pipeline::ByteStream,
};
use futures::TryStreamExt;

/// A restore that has passed its preflight.
#[derive(Debug, Clone)]
pub struct RestorePlan {
    /// Tables in the dump, if its layout is known.
    pub tables: Option<u64>,
    /// Tables of the database that are dropped and made again. Only in place: the other ways replace nothing, or all.
    pub replaced: Vec<String>,
    /// Tables of the database that stay. Only in place.
    pub survive: Vec<String>,
    /// What else stays, as `function public.f(integer)`. Only in place.
    pub survive_too: Vec<String>,
    /// Locks that it needs. Only in place.
    pub locks: Option<LockNeed>,
    /// What somebody should look at.
    pub findings: Vec<Finding>,
    /// What a dead restore left in the way, to be dropped.
    pub(super) leftover: Option<String>,
    pub(super) facts: ServerFacts,
    pub(super) contents: Option<Contents>,
    pub(super) tools: ClientTools,
}

impl PgDump {
    /// Does all of a restore but the restore: server, names, roles, locks, client programs, and the dump itself. In place, and
    /// where its pieces do not prove themselves, all of the dump is read and authenticated; else only its beginning. Changes nothing.
    ///
    /// # Errors
    /// As [`PgDump::restore`] before it touches anything.
    pub async fn plan_restore(&self, cx: &Context, request: &RestoreRequest, dump: ByteStream) -> Result<RestorePlan> {
        unless_cancelled(&cx.cancel, Box::pin(self.preflight(cx, request, dump))).await
    }

    async fn preflight(&self, cx: &Context, request: &RestoreRequest, dump: ByteStream) -> Result<RestorePlan> {
        let session = Session::connect(&self.settings, &self.settings.maintenance_database).await?;
        let facts = server_facts(&session).await?;
        let leftover = demand_place(&session, request).await?;
        let contents = match (request.way, request.proven_by_piece) {
            (Way::Create | Way::Swap, true) => read_contents(dump, Limits::default()).await?,
            (Way::InPlace | Way::IntoPrepared, _) | (Way::Create | Way::Swap, false) => {
                whole(cx, request, dump).await?
            }
        };
        if let Some(contents) = &contents {
            demand_version(&request.database, facts.version, &contents.header)?;
        }
        let needed = contents.as_ref().and_then(Contents::dump_major).unwrap_or(0);
        let tools = ClientTools::find(&self.tools, facts.version.major().max(needed)).await?;
        let mut plan = RestorePlan {
            tables: contents.as_ref().map(|contents| contents.tables.len() as u64),
            replaced: Vec::new(),
            survive: Vec::new(),
            survive_too: Vec::new(),
            locks: None,
            findings: leftover.iter().map(|name| dropped(name)).collect(),
            leftover,
            facts,
            contents: None,
            tools,
        };
        match contents {
            None => plan.findings.push(unknown_layout(&request.database)),
            Some(contents) => {
                demand_source(request, &contents.header.database)?;
                let live = request.way.is_in_place().then_some(request.database.as_str());
                let contents = recoded(&session, contents, live).await?;
                demand_roles(&session, request, &contents).await?;
                demand_tablespaces(&session, request, &contents).await?;
                plan.findings.extend(unread_privileges(&request.database, &contents));
                plan.findings.extend(silent_subscriptions(request, &contents));
                if request.way.is_in_place() {
                    self.compare(&mut plan, request, &contents).await?;
                } else {
                    demand_extensions(&session, &request.database, &contents, true).await?;
                    let changed = changed_defaults(&request.database, plan.facts.version, &contents.header);
                    plan.findings.extend(changed);
                }
                plan.contents = Some(contents);
            }
        }
        Ok(plan)
    }

    /// The dump beside the database that it is restored onto.
    async fn compare(&self, plan: &mut RestorePlan, request: &RestoreRequest, contents: &Contents) -> Result<()> {
        let database = request.database.as_str();
        let session = Session::connect(&self.settings, database).await?;
        if request.way == Way::IntoPrepared {
            demand_prepared(&session, database).await?;
        }
        demand_extensions(&session, database, contents, false).await?;
        plan.findings
            .extend(Drops::plan(&session, database, contents).await?.findings);
        let need = lock_need(&session, &plan.facts, contents).await?;
        plan.findings.extend(need.check()?);
        plan.locks = Some(need);
        let survive = surviving_tables(&session, contents).await?;
        let tables = user_tables(&session).await?;
        plan.replaced = shown(&session, tables.iter().filter(|table| !survive.contains(table))).await;
        plan.survive = shown(&session, survive.iter()).await;
        match surviving_objects(&session, contents).await? {
            Some(others) => plan.survive_too = others,
            None => plan.findings.push(uncounted(database)),
        }
        plan.findings
            .extend(survivors(database, &plan.survive, &plan.survive_too));
        Ok(())
    }
}

async fn shown<'a>(session: &Session, tables: impl Iterator<Item = &'a QualifiedName>) -> Vec<String> {
    readable(session, &tables.map(QualifiedName::dotted).collect::<Vec<_>>()).await
}

/// Said before the first change, while it can still be stopped.
fn survivors(database: &str, tables: &[String], others: &[String]) -> Option<Finding> {
    let stay = match (tables.is_empty(), others.is_empty()) {
        (true, true) => return None,
        (false, true) => format!("tables that were made after the backup will stay: {}", listed(tables)),
        (true, false) => format!("objects that were made after the backup will stay: {}", listed(others)),
        (false, false) => format!(
            "tables that were made after the backup will stay: {}; and so will {}",
            listed(tables),
            listed(others)
        ),
    };
    Some(Finding {
        severity: Severity::Note,
        subject: database.to_owned(),
        message: stay,
        hint: Some("--swap restores without them, and keeps the old database".into()),
    })
}

/// In place it is another matter: a subscription that is there cannot be dropped in a transaction.
fn silent_subscriptions(request: &RestoreRequest, contents: &Contents) -> Option<Finding> {
    let count = contents.count("SUBSCRIPTION");
    (!request.way.is_in_place() && count > 0).then(|| Finding {
        severity: Severity::Note,
        subject: request.database.clone(),
        message: format!("{count} subscriptions are restored disabled: nothing reaches their tables"),
        hint: Some("ALTER SUBSCRIPTION … ENABLE and REFRESH PUBLICATION start one, on empty tables".into()),
    })
}

/// The first of many names.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    match names.len() {
        count if count > SHOWN => format!("{}, and {} more", names[..SHOWN].join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}

fn uncounted(database: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject: database.to_owned(),
        message: "the dump has more objects than can be compared: those that were made after the backup will stay, and are not named".into(),
        hint: Some("--swap restores without them, and keeps the old database".into()),
    }
}

/// Of these nothing is known, so they are no reason to refuse.
fn unread_privileges(database: &str, contents: &Contents) -> Option<Finding> {
    (contents.unread_privileges > 0).then(|| Finding {
        severity: Severity::Warning,
        subject: database.to_owned(),
        message: format!(
            "{} privileges or policies of the dump could not be read: whether the server has their roles is not known",
            contents.unread_privileges
        ),
        hint: Some("if the restore fails on a role, nothing is changed: `backup-postgres restore --globals` makes the roles of the backup".into()),
    })
}

fn dropped(leftover: &str) -> Finding {
    Finding {
        severity: Severity::Note,
        subject: leftover.to_owned(),
        message: "a restore that ended before it was complete left this database: it is dropped first".into(),
        hint: None,
    }
}

/// The database has to be there, or not to be there, before anything else is looked at. What a dead restore left in the way is named.
async fn demand_place(session: &Session, request: &RestoreRequest) -> Result<Option<String>> {
    let name = std::slice::from_ref(&request.database);
    let missing = !missing_databases(session, name).await?.is_empty();
    match (request.way, missing) {
        (Way::Create, false) => Err(Error::new(
            ErrorKind::Refused,
            format!("database {} exists already", request.database),
        )
        .hint("leave out --create to restore onto it, or use --swap to exchange it, or --target-db for another name")),
        (Way::InPlace | Way::IntoPrepared | Way::Swap, true) => Err(Error::new(
            ErrorKind::NotFound,
            format!("the server has no database {}", request.database),
        )
        .hint("use --create to make it")),
        (Way::InPlace | Way::IntoPrepared, false) => Ok(None),
        (Way::Create, true) | (Way::Swap, false) => demand_names(session, request).await,
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
async fn demand_names(session: &Session, request: &RestoreRequest) -> Result<Option<String>> {
    let (filling, kept) = derived_names(&request.database, request.id);
    if request.way == Way::Swap
        && missing_databases(session, std::slice::from_ref(&kept))
            .await?
            .is_empty()
    {
        return Err(taken(request, &kept).hint(by_hand(&kept)));
    }
    match leftover::filled(session, &filling).await? {
        None => Ok(None),
        Some(Filled::Dead) if request.replace_leftover => Ok(Some(filling)),
        Some(filled) => Err(not_replaced(request, &filling, filled)),
    }
}

fn not_replaced(request: &RestoreRequest, name: &str, filled: Filled) -> Error {
    match filled {
        Filled::Dead => taken(request, name)
            .hint("a restore that ended before it was complete left it, and nobody is in it: --replace-leftover drops it and goes on"),
        Filled::InUse(process) => {
            let message = format!("another restore of backup {} is at work in database {name}", request.id);
            Error::new(ErrorKind::Refused, message).hint(format!(
                "wait for its end; if it is dead, what it began goes on in the server: SELECT pg_terminate_backend({process})"
            ))
        }
        Filled::Unmarked => taken(request, name).hint(by_hand(name)),
    }
}

fn taken(request: &RestoreRequest, name: &str) -> Error {
    let message = format!(
        "database {name} of an earlier restore of backup {} is still there",
        request.id
    );
    Error::new(ErrorKind::Refused, message)
}

fn by_hand(name: &str) -> String {
    let name = quoted(name);
    format!(
        "if it is no longer needed and no restore runs: DROP DATABASE {name}; else ALTER DATABASE {name} RENAME TO another name"
    )
}

/// Objects of one database merged into another would go unseen: a restore in place drops nothing that the dump does not hold.
fn demand_source(request: &RestoreRequest, dumped: &RawText) -> Result<()> {
    match &request.dump_of {
        Some(wanted) if dumped != wanted.as_str() => Err(Error::new(
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

async fn demand_roles(session: &Session, request: &RestoreRequest, contents: &Contents) -> Result<()> {
    let mut missing = missing_roles(session, contents).await?;
    if !request.way.is_in_place() {
        missing.extend(missing_roles_of_database(session, contents).await?);
        missing.sort();
        missing.dedup();
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Refused,
        format!(
            "the server has no role {}, which owns something in the dump or has rights in it",
            missing.join(", ")
        ),
    )
    .hint("`backup-postgres restore --globals` makes the roles of the backup"))
}

async fn demand_tablespaces(session: &Session, request: &RestoreRequest, contents: &Contents) -> Result<()> {
    let missing = missing_tablespaces(session, contents, !request.way.is_in_place()).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the server has no tablespace {}, which the dump uses",
        missing.join(", ")
    );
    Err(Error::new(ErrorKind::Refused, message)
        .hint("`backup-postgres restore --globals` makes the tablespaces of the backup, in folders that must be there"))
}

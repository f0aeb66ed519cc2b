//! What a run is going to write.

use super::{GLOBALS, PgDump, Selection, naming};
use crate::{ServerFacts, Session, all_databases, check::check_leftovers, server_facts};
use backup_core::{Error, ErrorKind, Result, target::Plan};

/// Asks the server which databases there are.
pub(super) async fn plan(target: &PgDump) -> Result<Plan> {
    let session = Session::connect(&target.settings, &target.settings.maintenance_database).await?;
    let facts = server_facts(&session).await?;
    let databases = databases(&target.selection, &session).await?;
    refuse_impossible(&databases)?;
    let lineage = lineage(target, &facts);
    let artifacts = databases
        .iter()
        .map(|name| naming::database(name))
        .chain([naming::globals()])
        .collect();
    Ok(Plan {
        lineage,
        artifacts,
        jobs: target.jobs,
    })
}

/// Asks the server who it is.
pub(super) async fn lineage_of_server(target: &PgDump) -> Result<String> {
    let session = Session::connect(&target.settings, &target.settings.maintenance_database).await?;
    Ok(lineage(target, &server_facts(&session).await?))
}

fn lineage(target: &PgDump, facts: &ServerFacts) -> String {
    let host = || target.settings.host.clone();
    facts.system_identifier.map_or_else(host, |id| id.to_string())
}

/// The databases that are selected, each once; not those that restores left behind, unless they are named.
pub(super) async fn databases(selection: &Selection, session: &Session) -> Result<Vec<String>> {
    match selection {
        Selection::Named(names) => Ok(unique(names)),
        Selection::AllExcept(left_out) => {
            let leftovers: Vec<String> = check_leftovers(session)
                .await?
                .into_iter()
                .map(|found| found.subject)
                .collect();
            let all = all_databases(session).await?;
            Ok(all
                .into_iter()
                .filter(|name| !left_out.contains(name) && !leftovers.contains(name))
                .collect())
        }
    }
}

fn unique(names: &[String]) -> Vec<String> {
    let mut seen = Vec::with_capacity(names.len());
    for name in names {
        if !seen.contains(name) {
            seen.push(name.clone());
        }
    }
    seen
}

fn refuse_impossible(databases: &[String]) -> Result<()> {
    if databases.is_empty() {
        return Err(
            Error::new(ErrorKind::Config, "the list of databases to back up is empty")
                .hint("name some with --database, or use --all"),
        );
    }
    if databases.iter().any(|name| name == GLOBALS) {
        return Err(Error::new(
            ErrorKind::Config,
            format!("a database called {GLOBALS} cannot be backed up: roles and tablespaces are kept under that name"),
        )
        .hint("rename the database, or leave it out with --exclude"));
    }
    Ok(())
}

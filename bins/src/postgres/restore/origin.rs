//! Where a restore comes from: a backup of the server that it goes to, or of another one, if that is what was asked for.

use super::PROGRAM;
use crate::{
    args::{postgres::RestoreArgs, verbs::At},
    context::Context,
    verbs::origin::{Origin, Wanted, newest_of_each},
};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    catalog::Manifest,
    event::{Event, Finding, Severity},
};
use backup_postgres::{PgDump, target::GLOBALS};

/// Finds what to restore `artifact` from, and says so before anything is touched.
///
/// The latest is that of the server itself. A backup of another server is taken only if that was allowed, whether it was named or not: two servers
/// that back up into one store must not be restored from each other by mistake.
pub(super) async fn find(
    context: &Context,
    (cx, target): (&core::Context, &PgDump),
    args: &RestoreArgs,
    (from, artifact): (Option<&str>, &str),
    what: &str,
) -> Result<(Origin, Vec<Finding>)> {
    let mut findings = Vec::new();
    let lineage = match (from, args.at) {
        (None, None | Some(At::Latest)) => {
            let newest = cx
                .unless_cancelled("look for the backup", newest_of_each(cx, target))
                .await?;
            let lineage = lineage_of_latest(cx, target, args, &newest).await?;
            findings.extend(others(lineage.as_deref(), &newest));
            lineage
        }
        _ => None,
    };
    let wanted = wanted(target, args, from, artifact, lineage.as_deref());
    let origin = Origin::find(cx, &wanted).await?;
    findings.extend(of_another_server(cx, target, args, &origin).await?);
    for finding in &findings {
        context.events.emit(Event::Finding(finding.clone()));
    }
    findings.extend(origin.announce(context, cx, what));
    Ok((origin, findings))
}

/// Whose latest is meant; `None` where the store has no backup at all.
async fn lineage_of_latest(
    cx: &core::Context,
    target: &PgDump,
    args: &RestoreArgs,
    newest: &[Manifest],
) -> Result<Option<String>> {
    let own = target.lineage(cx).await?;
    let has_own = newest.iter().any(|manifest| manifest.lineage == own);
    match (newest, args.allow_other_server) {
        ([], _) => Ok(None),
        (_, false) if has_own => Ok(Some(own)),
        (_, false) => {
            let message =
                format!("the store has no backup of this server ({own}), and --allow-other-server was not given");
            Err(named(Error::new(ErrorKind::Refused, message), newest)
                .hint("if this server takes the place of one that is lost, --allow-other-server is right"))
        }
        ([only], true) => Ok(Some(only.lineage.clone())),
        (_, true) => {
            let message = "the store has backups of several servers, and none was named";
            Err(named(Error::new(ErrorKind::Refused, message), newest))
        }
    }
}

fn named(error: Error, newest: &[Manifest]) -> Error {
    newest.iter().fold(error, |error, manifest| {
        error.hint(format!(
            "the newest of server {}: --at {}",
            manifest.lineage, manifest.id
        ))
    })
}

/// A server that was made anew and backed up since has a latest of its own: perhaps not the one that is meant.
fn others(lineage: Option<&str>, newest: &[Manifest]) -> Option<Finding> {
    let other = newest
        .iter()
        .find(|manifest| Some(manifest.lineage.as_str()) != lineage)?;
    Some(Finding {
        severity: Severity::Note,
        subject: format!("server {}", other.lineage),
        message: format!(
            "the store has backups of this other server too, the newest is {}",
            other.id
        ),
        hint: Some(format!(
            "if that is the one that is meant: --allow-other-server --at {}",
            other.id
        )),
    })
}

async fn of_another_server(
    cx: &core::Context,
    target: &PgDump,
    args: &RestoreArgs,
    origin: &Origin,
) -> Result<Option<Finding>> {
    let Some(theirs) = origin.lineage() else {
        return Ok(None);
    };
    let own = target.lineage(cx).await?;
    if theirs == own {
        return Ok(None);
    }
    let message = format!("it is of another server ({theirs}) than the one it is restored onto ({own})");
    if !args.allow_other_server {
        return Err(Error::new(ErrorKind::Refused, format!("{}: {message}", origin.name()))
            .hint("if that is meant, as when this server takes the place of one that is lost: --allow-other-server"));
    }
    Ok(Some(Finding {
        severity: Severity::Warning,
        subject: origin.name(),
        message,
        hint: None,
    }))
}

fn wanted<'a>(
    target: &'a PgDump,
    args: &RestoreArgs,
    from: Option<&'a str>,
    artifact: &'a str,
    lineage: Option<&'a str>,
) -> Wanted<'a> {
    Wanted {
        program: PROGRAM,
        target,
        artifact,
        from,
        at: args.at,
        lineage,
        allow_unauthenticated: args.allow_unauthenticated_origin,
        instead: |from, holds| match holds {
            GLOBALS => format!("these are roles and tablespaces: restore --globals {from}"),
            name => format!("this is a dump of {name}: restore {name} {from} --target-db NAME"),
        },
    }
}

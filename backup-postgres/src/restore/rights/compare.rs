//! Are the rights in a restored database those of the dump?

use super::difference::{Difference, differences};
use crate::{
    ClientTools, RawText, ServerSettings, Session, archive::Contents, connection::get, dump::definitions,
    readable::readable,
};
use backup_core::{
    Result,
    event::{Finding, Severity},
};
use tokio_util::sync::CancellationToken;

/// How many differences are named.
const NAMED: usize = 10;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// On how many things they differ; absent if they could not be compared.
    pub differ: Option<u64>,
    /// What they are.
    pub findings: Vec<Finding>,
}

/// A restored database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restored<'a> {
    pub(crate) settings: &'a ServerSettings,
    pub(crate) tools: &'a ClientTools,
    /// The name that it has now.
    pub(crate) database: &'a str,
    /// The name that it will have.
    pub(crate) subject: &'a str,
}

/// As [`compare_rights`], after a restore that is done: whoever stops it is told that nobody knows.
pub(crate) async fn compare_rights_until(
    cancel: &CancellationToken,
    restored: Restored<'_>,
    dump: &Contents,
) -> Rights {
    tokio::select! {
        biased;
        () = cancel.cancelled() => not_compared(restored.subject, "it was stopped"),
        rights = compare_rights(restored, dump) => rights,
    }
}

/// Has `pg_dump` write the rights in the restored database, and compares them with those of the dump. Objects that the dump does not hold are passed over:
/// nothing was to happen to them. What cannot be compared is a finding.
pub(crate) async fn compare_rights(restored: Restored<'_>, dump: &Contents) -> Rights {
    match compared(restored, dump).await {
        Ok(Some(rights)) => rights,
        Ok(None) => not_compared(restored.subject, "there are more of them than the limit"),
        Err(error) => not_compared(restored.subject, &error.chain()),
    }
}

async fn compared(restored: Restored<'_>, dump: &Contents) -> Result<Option<Rights>> {
    let session = Session::connect(restored.settings, restored.database).await?;
    let sql = "SELECT pg_catalog.getdatabaseencoding()::pg_catalog.text";
    let encoding: String = get(&session.one(sql, &[]).await?, 0)?;
    let live = definitions(restored.settings, restored.tools, (restored.database, &encoding)).await?;
    let Some(found) = differences(dump, &live, restored.subject) else {
        return Ok(None);
    };
    let texts: Vec<RawText> = found.iter().take(NAMED).map(Difference::described).collect();
    let texts = readable(&session, &texts).await;
    let named = found.iter().zip(texts);
    let mut findings: Vec<Finding> = named
        .map(|(difference, text)| finding(restored.subject, text, difference))
        .collect();
    if let Some(next) = found.get(NAMED) {
        let more = format!(
            "rights on {} further things are not those of the backup",
            found.len() - NAMED
        );
        findings.push(finding(restored.subject, more, next));
    }
    Ok(Some(Rights {
        differ: Some(found.len() as u64),
        findings,
    }))
}

fn finding(subject: &str, message: String, difference: &Difference) -> Finding {
    let (severity, hint) = if difference.is_of_database() {
        let hint = "a restore in place leaves the database itself as it is; --create and --swap bring all of it";
        (Severity::Warning, hint)
    } else {
        (
            Severity::Error,
            "look whether it is meant so; GRANT or REVOKE what it should be",
        )
    };
    Finding {
        severity,
        subject: subject.to_owned(),
        message,
        hint: Some(hint.into()),
    }
}

fn not_compared(subject: &str, why: &str) -> Rights {
    Rights {
        differ: None,
        findings: vec![Finding {
            severity: Severity::Warning,
            subject: subject.to_owned(),
            message: format!("its rights could not be compared with those of the backup: {why}"),
            hint: None,
        }],
    }
}

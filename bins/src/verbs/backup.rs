//! The documented job of a program: back its target up, then let old backups go.

use super::{prune, strict};
use crate::{context::Context, output::Report, repository, table::safe};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Event, Finding},
    run::{self, BackupReport},
    store::Key,
    target::{BackupTarget, Plan},
};
use serde::Serialize;

/// The last line of a backup, by its report and its place in the store: what the scripts printed.
pub type LastLine = fn(&BackupReport, &str) -> String;

/// What a program backs up.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The name of the program.
    pub program: &'a str,
    /// What it backs up.
    pub target: &'a dyn BackupTarget,
    /// Bytes of the memory budget that the target holds itself.
    pub held: usize,
    /// The line that ends it.
    pub last_line: LastLine,
}

/// Backs up, then lets the keep rules take their course. A failed prune is a finding: the backup is good.
///
/// # Errors
/// What keeps the backup from being complete; [`ErrorKind::Findings`] with `--strict` and a finding that matters.
pub async fn backup(context: &Context, job: Job<'_>) -> Result<()> {
    let Job { program, target, .. } = job;
    if context.config.dry_run {
        let cx = repository::for_reading(context, program)?;
        return context.output.report(&Planned::new(&target.plan(&cx).await?));
    }
    let cx = repository::for_backup(context, program)?;
    let mut request = repository::backup_request(context);
    request.memory = request.memory.saturating_sub(job.held);
    let report = run::backup(&cx, target, &request).await?;
    let mut findings = report.findings.clone();
    if report.manifest.complete {
        findings.extend(prune::after_backup(context, program, &cx, target, report.manifest.id).await);
    }
    let place = cx.store.location().of(&Key::from(report.manifest.id.to_string()));
    finish(context, &report, findings, (&place, job.last_line))
}

fn finish(
    context: &Context,
    report: &BackupReport,
    findings: Vec<Finding>,
    (place, last_line): (&str, LastLine),
) -> Result<()> {
    for finding in &findings {
        context.events.emit(Event::Finding(finding.clone()));
    }
    context.output.report(&Done::new(report, place, &findings))?;
    if !report.failures.is_empty() {
        return Err(incomplete(report));
    }
    context.output.line(&last_line(report, place))?;
    strict(context, &findings, "the backup is complete")
}

/// A server or a store that is gone fails everything in the same way, and then that is what is wrong.
fn in_common(mut kinds: impl Iterator<Item = ErrorKind>) -> ErrorKind {
    match kinds.next() {
        Some(first @ (ErrorKind::SourceUnreachable | ErrorKind::StoreUnreachable | ErrorKind::StoreFailed))
            if kinds.all(|kind| kind == first) =>
        {
            first
        }
        _ => ErrorKind::SourceFailed,
    }
}

/// A partial backup is an error: 6, or what all failures have in common, if that is a server or a store that is gone.
fn incomplete(report: &BackupReport) -> Error {
    let kind = in_common(report.failures.iter().map(|failed| failed.error.kind()));
    let failed: Vec<String> = report
        .failures
        .iter()
        .map(|failed| format!("{}: {}", safe(&failed.name), failed.error.chain()))
        .collect();
    let all = failed.len() + report.manifest.artifacts.len();
    let error = Error::new(
        kind,
        format!(
            "backup {} is PARTIAL, {} of {all} failed",
            report.manifest.id,
            failed.len()
        ),
    )
    .because(failed.join("; "));
    let mut hints: Vec<_> = report.failures.iter().flat_map(|failed| failed.error.hints()).collect();
    // One full store fails many databases; its hint is said once.
    let mut said = std::collections::HashSet::new();
    hints.retain(|hint| said.insert(*hint));
    hints
        .into_iter()
        .fold(error, |error, hint| error.hint(hint.clone()))
        .hint("the others are stored and can be restored; run again for a complete backup")
}

#[derive(Serialize)]
struct Planned {
    lineage: String,
    artifacts: Vec<String>,
}

impl Planned {
    fn new(plan: &Plan) -> Self {
        let artifacts = plan.artifacts.iter().map(|artifact| artifact.name.clone()).collect();
        Self {
            lineage: plan.lineage.clone(),
            artifacts,
        }
    }
}

impl Report for Planned {
    fn text(&self) -> String {
        self.artifacts
            .iter()
            .map(|name| format!("would back up {}\n", safe(name)))
            .collect()
    }
}

#[derive(Serialize)]
struct Done {
    id: String,
    location: String,
    complete: bool,
    plain_length: u64,
    stored_length: u64,
    artifacts: Vec<serde_json::Value>,
    failures: Vec<serde_json::Value>,
    findings: Vec<Finding>,
}

impl Done {
    fn new(report: &BackupReport, location: &str, findings: &[Finding]) -> Self {
        let manifest = &report.manifest;
        let stored = |artifact: &backup_core::catalog::Artifact| {
            artifact.objects.iter().map(|object| object.length).sum::<u64>()
        };
        let artifact = |artifact: &backup_core::catalog::Artifact| serde_json::json!({ "name": artifact.name, "plain_length": artifact.plain_length, "stored_length": stored(artifact), "details": artifact.details });
        Self {
            id: manifest.id.to_string(),
            location: location.to_owned(),
            complete: manifest.complete,
            plain_length: manifest.plain_length(),
            stored_length: manifest.artifacts.iter().map(stored).sum(),
            artifacts: manifest.artifacts.iter().map(artifact).collect(),
            failures: manifest
                .failures
                .iter()
                .map(|failed| serde_json::json!({ "name": failed.name, "error": failed.error }))
                .collect(),
            findings: findings.to_vec(),
        }
    }
}

impl Report for Done {
    /// People read the documented lines.
    fn text(&self) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_have_a_server_or_store_in_common_end_with_its_code_and_others_with_6() {
        use ErrorKind::{Damaged, SourceFailed, SourceUnreachable, StoreFailed, StoreUnreachable};
        for kind in [SourceUnreachable, StoreUnreachable, StoreFailed] {
            assert_eq!(in_common([kind, kind].into_iter()), kind);
            assert_eq!(in_common([kind, SourceFailed].into_iter()), SourceFailed);
        }
        assert_eq!(in_common([StoreFailed, StoreUnreachable].into_iter()), SourceFailed);
        assert_eq!(in_common([Damaged, Damaged].into_iter()), SourceFailed);
    }
}

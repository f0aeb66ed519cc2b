//! `list`: what is there.

use crate::{
    context::Context,
    output::Report,
    repository,
    table::{Align, Table, bytes},
};
use backup_core::{
    Error, ErrorKind, Result,
    catalog::{Entry, Manifest, Mode, foreign, list as catalog},
    event::{Event, Finding, Severity},
};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::{Map, Value};

/// How many foreign keys are named.
const NAMED: usize = 5;

/// Characters of a finding in a remark.
const REMARK: usize = 120;

/// What a program shows of a backup beside what all of them do.
#[derive(Debug, Default)]
pub struct Shows {
    /// For people.
    pub remark: Option<String>,
    /// For machines.
    pub fields: Map<String, Value>,
}

/// Shows every backup, newest first, and whether there are files that are not ours.
///
/// # Errors
/// Those of keys and store, that of a manifest which the store does not give after everything else was shown; files of others that cannot be listed are
/// a finding.
pub async fn list(context: &Context, program: &str, about: fn(&Manifest) -> Shows) -> Result<()> {
    let cx = repository::for_reading(context, program)?;
    let (shown, unread) = cx.unless_cancelled("list backups", look(&cx, about)).await?;
    if let Some(finding) = shown.finding() {
        context.events.emit(Event::Finding(finding));
    }
    context.output.report(&shown)?;
    match unread {
        Some(first) => Err(first.context(format!("{} backups could not be looked at", shown.unread.len()))),
        None => Ok(()),
    }
}

/// What there is, and the first error of a backup that could not be looked at.
async fn look(cx: &backup_core::Context, about: fn(&Manifest) -> Shows) -> Result<(Shown, Option<Error>)> {
    let (mut shown, mut unread) = (Shown::default(), None);
    if let Some(repository) = backup_core::catalog::Repository::open(cx).await? {
        let mut entries = std::pin::pin!(catalog::entries(cx, &repository).await?);
        while let Some(entry) = entries.next().await {
            match entry {
                Ok(entry) => shown.backups.push(Line::new(cx, &entry, about)),
                Err(error) if error.kind() == ErrorKind::StoreUnreachable => return Err(error),
                Err(error) => {
                    shown.unread.push(error.chain());
                    unread.get_or_insert(error);
                }
            }
        }
    }
    if let Err(error) = shown.look_for_strangers(cx).await {
        shown.unlisted = Some(error.chain());
    }
    Ok((shown, unread))
}

#[derive(Default, Serialize)]
struct Shown {
    backups: Vec<Line>,
    foreign: u64,
    foreign_names: Vec<String>,
    /// Why the files of others could not all be listed.
    unlisted: Option<String>,
    /// What kept backups from being looked at, one for each.
    unread: Vec<String>,
}

#[derive(Serialize)]
struct Line {
    id: String,
    state: String,
    mode: &'static str,
    /// Whose data it is: the server's, or the cluster's.
    lineage: Option<String>,
    authentic: bool,
    plain_length: u64,
    stored_length: u64,
    artifacts: usize,
    failures: Vec<String>,
    verified: Option<String>,
    failed: Option<String>,
    problem: Option<String>,
    /// What was found out when it was made, and matters.
    findings: Vec<Finding>,
    #[serde(flatten)]
    fields: Map<String, Value>,
    #[serde(skip)]
    remark: Option<String>,
}

impl Line {
    fn new(cx: &backup_core::Context, entry: &Entry, about: fn(&Manifest) -> Shows) -> Self {
        let manifest = entry.manifest.as_ref().ok().map(|signed| &signed.value);
        let Shows { remark, fields } = manifest.map_or_else(Shows::default, about);
        let objects = manifest
            .into_iter()
            .flat_map(|manifest| &manifest.artifacts)
            .flat_map(|artifact| &artifact.objects);
        Self {
            id: entry.id.to_string(),
            state: entry.state().to_string(),
            mode: manifest.map_or("?", |manifest| mode(manifest.mode)),
            lineage: manifest.map(|manifest| manifest.lineage.clone()),
            authentic: entry.is_authentic(cx),
            plain_length: manifest.map_or(0, Manifest::plain_length),
            stored_length: objects.map(|object| object.length).sum(),
            artifacts: manifest.map_or(0, |manifest| manifest.artifacts.len()),
            failures: manifest.map_or_else(Vec::new, |manifest| {
                manifest.failures.iter().map(|failed| failed.name.clone()).collect()
            }),
            verified: entry.proof.verified.as_ref().map(|evidence| evidence.at.to_string()),
            failed: entry.proof.failed.as_ref().map(|evidence| evidence.at.to_string()),
            problem: entry.manifest.as_ref().err().map(backup_core::Error::chain),
            findings: manifest.map_or_else(Vec::new, weighty),
            fields,
            remark,
        }
    }

    /// Its end: identifiers of servers that were made one after the other begin alike.
    fn short_lineage(&self) -> String {
        const SHOWN: usize = 8;
        let lineage: Vec<char> = self.lineage.iter().flat_map(|lineage| lineage.chars()).collect();
        match lineage.len().checked_sub(SHOWN) {
            None | Some(0) => lineage.iter().collect(),
            Some(hidden) => format!("…{}", lineage[hidden..].iter().collect::<String>()),
        }
    }

    /// The first finding, cut where it would not fit a line.
    fn found(&self) -> Option<String> {
        let first = self.findings.first()?;
        let said = format!("{}: {}", first.subject, first.message);
        let cut: String = said.chars().take(REMARK).collect();
        let dots = if cut.len() < said.len() { "…" } else { "" };
        Some(match self.findings.len() {
            1 => format!("finding: {cut}{dots}"),
            count => format!("{count} findings (--json has them all): {cut}{dots}"),
        })
    }

    fn remarks(&self) -> String {
        let mut remarks: Vec<String> = self.remark.iter().cloned().collect();
        if let Some(problem) = &self.problem {
            remarks.push(problem.clone());
        } else if !self.authentic {
            remarks.push("unauthenticated".to_owned());
        }
        if !self.failures.is_empty() {
            remarks.push(format!("missing: {}", self.failures.join(", ")));
        }
        remarks.extend(self.found());
        match (&self.failed, &self.verified) {
            (Some(at), _) => remarks.push(format!("verification FAILED {at}")),
            (None, Some(at)) => remarks.push(format!("verified {at}")),
            (None, None) => {}
        }
        remarks.join("; ")
    }
}

/// Notes are for the log of the run.
fn weighty(manifest: &Manifest) -> Vec<Finding> {
    let weighty = manifest
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note);
    weighty.cloned().collect()
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Sealed => "sealed",
        Mode::SseKms => "sse-kms",
        Mode::SseS3 => "sse-s3",
    }
}

impl Shown {
    async fn look_for_strangers(&mut self, cx: &backup_core::Context) -> Result<()> {
        let mut strangers = foreign::foreign(cx);
        while let Some(key) = strangers.try_next().await? {
            self.foreign += 1;
            if self.foreign_names.len() < NAMED {
                self.foreign_names.push(cx.store.location().of(&key));
            }
        }
        Ok(())
    }

    /// What is ours is known whatever became of the rest.
    fn finding(&self) -> Option<Finding> {
        if let Some(error) = &self.unlisted {
            return Some(Finding {
                severity: Severity::Warning,
                subject: "foreign files".to_owned(),
                message: format!("could not be listed: {error}"),
                hint: Some("the backups above are complete; `check` looks at the store".to_owned()),
            });
        }
        (self.foreign > 0).then(|| Finding {
            severity: Severity::Note,
            subject: "foreign files".to_owned(),
            message: format!(
                "{} objects belong to no run of ours, as {}",
                self.foreign,
                self.foreign_names.join(", ")
            ),
            hint: Some("files of the old script can be restored by key; prune never touches them".to_owned()),
        })
    }
}

impl Report for Shown {
    fn text(&self) -> String {
        if self.backups.is_empty() && self.unread.is_empty() {
            return "no backups\n".to_owned();
        }
        let columns = [
            ("BACKUP", Align::Left),
            ("STATE", Align::Left),
            ("MODE", Align::Left),
            ("LINEAGE", Align::Left),
            ("ARTIFACTS", Align::Right),
            ("CONTENT", Align::Right),
            ("STORED", Align::Right),
            ("REMARKS", Align::Left),
        ];
        let mut table = Table::new(columns);
        for line in &self.backups {
            let (count, content, stored) = (
                line.artifacts.to_string(),
                bytes(line.plain_length),
                bytes(line.stored_length),
            );
            table.row([
                line.id.as_str(),
                &line.state,
                line.mode,
                &line.short_lineage(),
                &count,
                &content,
                &stored,
                &line.remarks(),
            ]);
        }
        for error in &self.unread {
            table.row(["?", "UNREAD", "", "", "", "", "", error.as_str()]);
        }
        table.to_string()
    }
}

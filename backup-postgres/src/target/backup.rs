//! Writes the planned artifacts.

use super::{GLOBALS, PgDump, Selection, unknown_layout};
use crate::{
    ClientTools, DatabaseFacts, ServerFacts, Session, VouchedStream,
    archive::{WalkOutcome, Walked},
    check::{check_leftovers, databases_left_out},
    database_facts,
    dump::{Compression, DumpRequest, dump_stream, emptied_tables, globals_stream, roles_readable},
    log_position, server_facts,
};
use backup_core::{
    Error, ErrorKind, Result,
    catalog::Artifact,
    context::Context,
    event::{Event, Finding, Severity},
    pipeline::Source,
    session::Session as Recording,
    target::{FailedArtifact, Outcome, Plan, PlannedArtifact},
};
use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a manifest says of one database, in `artifacts[].details`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactDetails {
    /// Size of the database on the server's disk.
    pub database_size: u64,
    /// Position of the server's log before the dump.
    pub lsn_before: Option<String>,
    /// Position of the server's log after it; the dump's snapshot lies between both.
    pub lsn_after: Option<String>,
    /// Schema version that goose recorded.
    pub schema_version: Option<i64>,
    /// Tables in the dump.
    pub tables: Option<u64>,
    /// Rows in the dump, if they could be counted.
    pub rows: Option<u64>,
    /// When the dump began.
    pub started: Timestamp,
    /// When it was stored and verified.
    pub finished: Timestamp,
}

/// What a manifest says of the run, in `details`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDetails {
    /// Version of the server, as it says it.
    pub server_version: String,
    /// Version of `pg_dump`, as it says it.
    pub pg_dump_version: String,
    /// The cluster's identifier.
    pub system_identifier: Option<String>,
    /// Whether the server was a standby.
    pub standby: bool,
    /// Host, port and role, without a password.
    pub server: String,
}

struct Run<'a> {
    target: &'a PgDump,
    cx: &'a Context,
    tools: ClientTools,
    facts: ServerFacts,
    recording: &'a Recording,
}

/// An artifact with what somebody should look at.
type Stored = (Artifact, Vec<Finding>);

/// Dumps all databases, `jobs` at once. One that fails does not stop the others.
pub(super) async fn backup(target: &PgDump, cx: &Context, plan: &Plan, recording: &Recording) -> Result<Outcome> {
    let looked = async {
        let session = Session::connect(&target.settings, &target.settings.maintenance_database).await?;
        let facts = server_facts(&session).await?;
        let tools = ClientTools::find(&target.tools, facts.version.major()).await?;
        Ok((session, facts, tools))
    };
    let (session, facts, tools) = cx.unless_cancelled("look at the server", looked).await?;
    let details = run_details(target, &facts, &tools);
    let run = Run {
        target,
        cx,
        tools,
        facts,
        recording,
    };
    let mut outcome = Outcome {
        details: to_json(&details)?,
        findings: Vec::from_iter(run.tools.newer_than(run.facts.version.major())),
        ..Outcome::default()
    };
    if let Selection::AllExcept(excluded) = &target.selection {
        outcome.findings.extend(check_leftovers(&session).await?);
        outcome.findings.extend(databases_left_out(&session, excluded).await?);
    }
    let work: Vec<_> = plan
        .artifacts
        .iter()
        .map(|planned| run.artifact(planned).boxed())
        .collect();
    let mut stored = stream::iter(work).buffered(target.jobs.max(1));
    while let Some((planned, result)) = stored.next().await {
        match result {
            Ok((artifact, findings)) => {
                outcome.artifacts.push(artifact);
                outcome.findings.extend(findings);
            }
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => {
                cx.events.emit(Event::ArtifactFailed {
                    name: planned.name.clone(),
                    error: error.chain(),
                });
                outcome.failures.push(FailedArtifact {
                    name: planned.name.clone(),
                    error,
                });
            }
        }
    }
    Ok(outcome)
}

impl Run<'_> {
    async fn artifact<'p>(&self, planned: &'p PlannedArtifact) -> (&'p PlannedArtifact, Result<Stored>) {
        let result = if planned.name == GLOBALS {
            self.globals(planned).await
        } else {
            self.database(planned).await
        };
        (planned, result)
    }

    async fn globals(&self, planned: &PlannedArtifact) -> Result<Stored> {
        self.cx.events.emit(Event::ArtifactStarted {
            name: planned.name.clone(),
            expected: None,
        });
        let readable = async {
            let maintenance = &self.target.settings.maintenance_database;
            let session = Session::connect(&self.target.settings, maintenance).await?;
            roles_readable(&session, &self.target.settings).await
        };
        let settings = self.cx.unless_cancelled("look at the roles", readable).await?;
        let dump = globals_stream(&settings, &self.tools, &self.facts)?;
        let remarks = dump.stream.remarks();
        let artifact = self.recording.stream(planned, Source::vouched(dump.stream)).await?;
        let mut findings = remarks.findings(GLOBALS);
        findings.extend(dump.finding);
        Ok((artifact, findings))
    }

    async fn database(&self, planned: &PlannedArtifact) -> Result<Stored> {
        let started = self.cx.clock.now();
        let looked = async {
            let session = Session::connect(&self.target.settings, &planned.name).await?;
            let facts = database_facts(&session).await?;
            let emptied = match self.facts.in_recovery {
                true => emptied_tables(&session, &planned.name).await?,
                false => None,
            };
            let position = log_position(&session).await?;
            Ok((session, facts, emptied, position))
        };
        let looking = format!("look at {}", planned.name);
        let (session, facts, emptied, lsn_before) = self.cx.unless_cancelled(&looking, looked).await?;
        self.cx.events.emit(Event::ArtifactStarted {
            name: planned.name.clone(),
            expected: Some(facts.size),
        });
        let (dump, walked) = self.dump(&planned.name, &facts.encoding)?;
        let remarks = dump.remarks();
        let mut artifact = self.recording.stream(planned, Source::vouched(dump)).await?;
        let mut findings = facts.findings.clone();
        findings.extend(remarks.findings(&planned.name));
        findings.extend(emptied);
        // The session was idle all the time; a dump that is stored is not lost with it.
        let lsn_after = match self.cx.unless_cancelled(&looking, log_position(&session)).await {
            Ok(position) => position,
            Err(error) => {
                findings.push(unread_position(&planned.name, &error));
                None
            }
        };
        if matches!(walked.get(), Some(Walked::UnknownLayout { .. })) {
            findings.push(unknown_layout(&planned.name));
        }
        let times = (started, self.cx.clock.now());
        artifact.details = to_json(&artifact_details(&facts, (lsn_before, lsn_after), &walked, times))?;
        Ok((artifact, findings))
    }

    /// Sealed objects are compressed by the pipeline, on all cores; others by `pg_dump`, as documented.
    fn dump(&self, database: &str, encoding: &str) -> Result<(VouchedStream, WalkOutcome)> {
        let compression = if self.recording.sealed() {
            Compression::None
        } else {
            Compression::Nine
        };
        dump_stream(DumpRequest {
            settings: &self.target.settings,
            tools: &self.tools,
            database,
            encoding: Some(encoding),
            compression,
        })
    }
}

fn unread_position(database: &str, error: &Error) -> Finding {
    Finding {
        severity: Severity::Note,
        subject: database.to_owned(),
        message: format!(
            "the position of the server's log after the dump is not known: {}",
            error.chain()
        ),
        hint: None,
    }
}

fn artifact_details(
    facts: &DatabaseFacts,
    (lsn_before, lsn_after): (Option<String>, Option<String>),
    walked: &WalkOutcome,
    (started, finished): (Timestamp, Timestamp),
) -> ArtifactDetails {
    let contents = match walked.get() {
        Some(Walked::Complete(contents)) => Some(contents),
        _ => None,
    };
    ArtifactDetails {
        database_size: facts.size,
        lsn_before,
        lsn_after,
        schema_version: facts.schema_version,
        tables: contents.map(|contents| contents.tables.len() as u64),
        rows: contents.and_then(|contents| contents.rows()),
        started,
        finished,
    }
}

fn run_details(target: &PgDump, facts: &ServerFacts, tools: &ClientTools) -> RunDetails {
    RunDetails {
        server_version: facts.version_text.clone(),
        pg_dump_version: tools.version().to_string(),
        system_identifier: facts.system_identifier.map(|id| id.to_string()),
        standby: facts.in_recovery,
        server: target.settings.address(),
    }
}

fn to_json(details: &impl Serialize) -> Result<serde_json::Map<String, serde_json::Value>> {
    match serde_json::to_value(details) {
        Ok(serde_json::Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::new(ErrorKind::Internal, "details are no object")),
        Err(error) => Err(Error::new(ErrorKind::Internal, "write details").because(error)),
    }
}

//! `verify`: prove that backups can be restored.

use super::absent::absent;
use crate::{
    args::verbs::{At, Depth, VerifyWhat},
    context::Context,
    output::Report,
    repository,
    table::{Align, Table, safe},
};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    catalog::{self, Entry, Evidence, Format, Manifest, Repository, Signed, Sought, evidence, latest, list},
    id::BackupId,
    run::{self, Damage, Verification},
    target::BackupTarget,
};
use serde::Serialize;

/// Verifies one backup of the target, or all of them; damage ends with exit 10 after everything was looked at.
///
/// # Errors
/// [`ErrorKind::Damaged`] if anything is damaged, [`ErrorKind::NotFound`] if there is nothing to verify; those of keys and store.
pub async fn verify(context: &Context, program: &str, target: &dyn BackupTarget, what: &VerifyWhat) -> Result<()> {
    let cx = repository::for_reading(context, program)?;
    let repository = repository::existing(&cx).await?;
    let looking = Looking {
        program,
        context,
        cx: &cx,
        repository: &repository,
        target,
        depth: match what.depth {
            Depth::Objects => catalog::Depth::Objects,
            Depth::Content => catalog::Depth::Content,
        },
    };
    let mut shown = Shown::default();
    for id in looking.asked_for(what).await? {
        let looked = looking.at(id).await.unwrap_or_else(|error| Looked::failed(id, error));
        shown.lines.extend(looked.line);
        let Some(error) = looked.interrupted else { continue };
        // What concerns this one backup does not keep the others from being looked at.
        let of_all = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::StoreUnreachable);
        shown.interrupted.get_or_insert(error);
        if of_all {
            break;
        }
    }
    context.output.report(&shown)?;
    shown.verdict()
}

struct Looking<'a> {
    program: &'a str,
    context: &'a Context,
    cx: &'a core::Context,
    repository: &'a Repository,
    target: &'a dyn BackupTarget,
    depth: catalog::Depth,
}

/// What came of a look at one backup.
#[derive(Default)]
struct Looked {
    line: Option<Line>,
    interrupted: Option<Error>,
}

impl Looked {
    fn failed(id: BackupId, error: Error) -> Self {
        Self {
            line: Some(Line::unseen(id, &error)),
            interrupted: Some(error),
        }
    }
}

impl Looking<'_> {
    async fn asked_for(&self, what: &VerifyWhat) -> Result<Vec<BackupId>> {
        let Self {
            cx, repository, target, ..
        } = self;
        if what.all {
            return list::ids(cx).await;
        }
        let entry = match what.id.unwrap_or(At::Latest) {
            At::Latest => latest(cx, repository, newest(*target)).await?,
            At::Id(id) => list::entry(cx, repository, id).await?,
        };
        if let Some(other) = entry.as_ref().and_then(|entry| self.of_another(entry)) {
            let message = format!("it is a backup of {other}, not of {}", target.name());
            return Err(Error::new(ErrorKind::Refused, message).hint("verify it with the program that made it"));
        }
        match entry {
            Some(entry) => Ok(vec![entry.id]),
            None => Err(absent(cx, self.program, (what.id, None)).await),
        }
    }

    /// The target of a backup that is not this one's: only its own program can tell what its content must be.
    fn of_another<'e>(&self, entry: &'e Entry) -> Option<&'e str> {
        entry.target().filter(|target| *target != self.target.name())
    }

    async fn at(&self, id: BackupId) -> Result<Looked> {
        let entry = list::entry(self.cx, self.repository, id).await?;
        let Some(entry) = entry.filter(|entry| self.of_another(entry).is_none()) else {
            return Ok(Looked::default());
        };
        let signed = match &entry.manifest {
            Ok(signed) => signed,
            Err(error) => {
                return Ok(Looked {
                    line: Some(Line::unreadable(&entry, error)),
                    interrupted: None,
                });
            }
        };
        let jobs = repository::jobs(self.context);
        let mut found = run::verify_at_once(self.cx, self.target, &signed.value, self.depth, jobs).await;
        // Who cannot tell whether it is gone has found damage all the same.
        let gone = match found.damage.is_empty() {
            true => Ok(false),
            false => self.is_gone(signed).await,
        };
        if matches!(gone, Ok(true)) {
            return Ok(Looked::default());
        }
        let unrecorded = self.record(signed, &found).await.err();
        let line = Line::new(self.cx, &entry, &signed.value, &found);
        Ok(Looked {
            line: Some(line),
            interrupted: found.interrupted.take().or(unrecorded).or(gone.err()),
        })
    }

    /// Whether the backup was pruned while it was looked at: what is missing then is no damage.
    async fn is_gone(&self, signed: &Signed<Manifest>) -> Result<bool> {
        let now = list::entry(self.cx, self.repository, signed.value.id).await?;
        Ok(now.is_none_or(|entry| entry.manifest.is_ok_and(|now| now.digest != signed.digest)))
    }

    /// What was not looked at to its end proves damage at most, never health.
    async fn record(&self, signed: &Signed<Manifest>, found: &Verification) -> Result<()> {
        if self.context.config.evidence && (found.is_good() || !found.damage.is_empty()) {
            evidence::record(self.cx, &proof(self.cx, signed, self.depth, &found.damage)).await?;
        }
        Ok(())
    }
}

/// What is verified unless something else is named. One that failed before is verified again.
fn newest(target: &dyn BackupTarget) -> Sought<'_> {
    Sought {
        target: target.name(),
        lineage: None,
        artifact: None,
        allow_unauthenticated: false,
        allow_failed: true,
    }
}

fn proof(cx: &core::Context, signed: &Signed<Manifest>, depth: catalog::Depth, damage: &[Damage]) -> Evidence {
    let manifest = &signed.value;
    Evidence {
        format: Format,
        id: manifest.id,
        repository: manifest.repository,
        manifest: signed.digest,
        target: manifest.target.clone(),
        at: cx.clock.now(),
        depth,
        ok: damage.is_empty(),
        damaged: damage.iter().map(|damage| damage.key.clone()).collect(),
        tool: cx.tool.clone(),
    }
}

#[derive(Default, Serialize)]
struct Shown {
    lines: Vec<Line>,
    /// Why not everything could be looked at.
    #[serde(skip)]
    interrupted: Option<Error>,
}

impl Shown {
    /// Damage comes first: it is known, whatever else could not be looked at.
    fn verdict(self) -> Result<()> {
        let damaged = self.lines.iter().filter(|line| !line.damage.is_empty()).count();
        match (damaged, self.interrupted) {
            (0, Some(error)) => Err(error),
            (0, None) if self.lines.is_empty() => Err(Error::new(ErrorKind::NotFound, "there is no backup to verify")),
            (0, None) => Ok(()),
            (damaged, other) => {
                let message = format!("{damaged} of {} backups are damaged", self.lines.len());
                let error = Error::new(ErrorKind::Damaged, message)
                    .hint("`list` shows which backup was verified last; restore from that one, and back up again now");
                Err(match other {
                    Some(other) => error.hint(format!("beside the damage: {}", other.chain())),
                    None => error,
                })
            }
        }
    }
}

#[derive(Serialize)]
struct Line {
    id: String,
    ok: bool,
    state: String,
    authentic: bool,
    artifacts: usize,
    /// What was to be backed up and was not.
    missing: Vec<String>,
    damage: Vec<String>,
    /// Why it could not be looked at.
    unseen: Option<String>,
}

impl Line {
    fn new(cx: &core::Context, entry: &Entry, manifest: &Manifest, found: &Verification) -> Self {
        Self {
            id: entry.id.to_string(),
            ok: found.is_good(),
            state: entry.state().to_string(),
            authentic: entry.is_authentic(cx),
            artifacts: manifest.artifacts.len(),
            missing: manifest.failures.iter().map(|failed| failed.name.clone()).collect(),
            damage: found
                .damage
                .iter()
                .map(|damage| format!("{}: {}", damage.key, damage.what))
                .collect(),
            unseen: None,
        }
    }

    fn unseen(id: BackupId, error: &Error) -> Self {
        Self {
            id: id.to_string(),
            ok: false,
            state: "?".to_owned(),
            authentic: false,
            artifacts: 0,
            missing: Vec::new(),
            damage: Vec::new(),
            unseen: Some(error.chain()),
        }
    }

    /// What is there may be sound while something is missing: that is not plainly "ok".
    fn result(&self) -> String {
        if !self.damage.is_empty() {
            return "DAMAGED".to_owned();
        }
        if let Some(why) = &self.unseen {
            return format!("not looked at: {why}");
        }
        if !self.ok {
            return "not looked at to its end".to_owned();
        }
        let mut result = "ok".to_owned();
        if !self.missing.is_empty() {
            result.push_str(&format!(", but PARTIAL: without {}", self.missing.join(", ")));
        }
        if !self.authentic {
            result.push_str(", unauthenticated");
        }
        result
    }

    fn unreadable(entry: &Entry, error: &Error) -> Self {
        Self {
            id: entry.id.to_string(),
            ok: false,
            state: entry.state().to_string(),
            authentic: false,
            artifacts: 0,
            missing: Vec::new(),
            damage: vec![error.chain()],
            unseen: None,
        }
    }
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut table = Table::new([
            ("BACKUP", Align::Left),
            ("STATE", Align::Left),
            ("ARTIFACTS", Align::Right),
            ("RESULT", Align::Left),
        ]);
        for line in &self.lines {
            table.row([
                line.id.as_str(),
                &line.state,
                &line.artifacts.to_string(),
                &line.result(),
            ]);
        }
        let damage: String = self
            .lines
            .iter()
            .flat_map(|line| &line.damage)
            .map(|what| format!("damaged: {}\n", safe(what)))
            .collect();
        format!("{table}{damage}")
    }
}

//! `verify`: prove that backups can be restored.

use crate::{
    args::verbs::{At, Depth, VerifyWhat},
    context::Context,
    output::Report,
    repository,
    table::{Align, Table, safe},
};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    catalog::{self, Entry, Evidence, Format, Manifest, Repository, Signed, evidence, list},
    run::{self, Damage, Verification},
    target::BackupTarget,
};
use serde::Serialize;

/// Verifies one backup, or all of them; damage ends with exit 10 after everything was looked at.
///
/// # Errors
/// [`ErrorKind::Damaged`] if anything is damaged, [`ErrorKind::NotFound`] if there is nothing to verify; those of keys and store.
pub async fn verify(context: &Context, program: &str, target: &dyn BackupTarget, what: &VerifyWhat) -> Result<()> {
    let cx = repository::for_reading(context, program)?;
    let repository = repository::existing(&cx).await?;
    let mut shown = Shown::default();
    for id in asked_for(&cx, &repository, target, what).await? {
        let Some(entry) = list::entry(&cx, &repository, id).await? else {
            continue;
        };
        let (line, interrupted) = one(context, &cx, target, entry, what.depth).await?;
        shown.lines.push(line);
        if let Some(error) = interrupted {
            shown.interrupted.get_or_insert(error);
            break;
        }
    }
    context.output.report(&shown)?;
    shown.verdict()
}

async fn asked_for(
    cx: &core::Context,
    repository: &Repository,
    target: &dyn BackupTarget,
    what: &VerifyWhat,
) -> Result<Vec<core::id::BackupId>> {
    if what.all {
        return list::ids(cx).await;
    }
    let entry = match what.id.unwrap_or(At::Latest) {
        At::Latest => repository::latest(cx, repository, target.name(), |_| true).await?,
        At::Id(id) => list::entry(cx, repository, id).await?,
    };
    let entry = entry.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "there is no such backup")
            .hint("`list` shows what is there")
            .hint("the latest is one that a known key signed: if those are `unauthenticated`, give the `verify` line of who signed them, or name the ID")
    })?;
    Ok(vec![entry.id])
}

async fn one(
    context: &Context,
    cx: &core::Context,
    target: &dyn BackupTarget,
    entry: Entry,
    depth: Depth,
) -> Result<(Line, Option<Error>)> {
    let signed = match &entry.manifest {
        Ok(signed) => signed,
        Err(error) => return Ok((Line::unreadable(&entry, error), None)),
    };
    let manifest = &signed.value;
    let depth = match depth {
        Depth::Objects => catalog::Depth::Objects,
        Depth::Content => catalog::Depth::Content,
    };
    let found = run::verify_at_once(cx, target, manifest, depth, repository::jobs(context)).await;
    // What was not looked at to its end proves damage at most, never health.
    if context.config.evidence && (found.is_good() || !found.damage.is_empty()) {
        evidence::record(cx, &proof(cx, signed, depth, &found.damage)).await?;
    }
    Ok((Line::new(cx, &entry, manifest, &found), found.interrupted))
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
            (damaged, _) => Err(Error::new(
                ErrorKind::Damaged,
                format!("{damaged} of {} backups are damaged", self.lines.len()),
            )
            .hint("`list` shows which backup was verified last; restore from that one, and back up again now")),
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
        }
    }

    /// What is there may be sound while something is missing: that is not plainly "ok".
    fn result(&self) -> String {
        if !self.damage.is_empty() {
            return "DAMAGED".to_owned();
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

//! What a restore tells.

use crate::{
    output::Report,
    table::safe,
    verbs::origin::{Described, Origin},
};
use backup_core::event::Finding;
use backup_postgres::{
    restore::{Existing, GlobalsRestored, LockNeed},
    target::{ArtifactDetails, RestorePlan, RestoreReport, RestoreRequest, Way},
};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Restored {
    database: String,
    from: String,
    tables: Option<u64>,
    rows: Option<u64>,
    survived: Vec<String>,
    survived_too: Vec<String>,
    kept: Option<String>,
    rights_that_differ: Option<u64>,
    schema_version_in_backup: Option<i64>,
    schema_version_now: Option<i64>,
}

impl Restored {
    pub(super) fn new(database: &str, origin: &Origin, report: &RestoreReport) -> Self {
        Self {
            database: database.to_owned(),
            from: origin.name(),
            tables: report.tables,
            rows: report.rows,
            survived: report.survived.clone(),
            survived_too: report.survived_too.clone(),
            kept: report.kept.clone(),
            rights_that_differ: report.rights_that_differ,
            schema_version_in_backup: schema_version(origin),
            schema_version_now: report.schema_version,
        }
    }
}

/// What the manifest says of the migrations.
fn schema_version(origin: &Origin) -> Option<i64> {
    let details = serde_json::Value::Object(origin.artifact()?.details.clone());
    serde_json::from_value::<ArtifactDetails>(details).ok()?.schema_version
}

impl Report for Restored {
    fn text(&self) -> String {
        let number =
            |number: Option<u64>| number.map_or_else(|| "an unknown number of".to_owned(), |number| number.to_string());
        let version = |version: Option<i64>| version.map_or_else(|| "none".to_owned(), |version| version.to_string());
        let mut text = format!(
            "restored {} from {}: {} tables, {} rows\n",
            safe(&self.database),
            safe(&self.from),
            number(self.tables),
            number(self.rows)
        );
        if let Some(kept) = &self.kept {
            text.push_str(&format!(
                "the old database is kept as {}; drop it when you are sure\n",
                safe(kept)
            ));
        }
        if !self.survived.is_empty() {
            text.push_str(&format!(
                "tables made after the backup are still there: {}\n",
                safe(&listed(&self.survived))
            ));
        }
        if !self.survived_too.is_empty() {
            text.push_str(&format!(
                "also made after the backup, and still there: {}\n",
                safe(&listed(&self.survived_too))
            ));
        }
        text.push_str(&match self.rights_that_differ {
            Some(0) => "rights: as in the backup\n".to_owned(),
            Some(count) => format!("rights: {count} are NOT as in the backup\n"),
            None => "rights: not compared\n".to_owned(),
        });
        let (then, now) = (version(self.schema_version_in_backup), version(self.schema_version_now));
        text.push_str(&format!("schema version: {then} in the backup, {now} now\n"));
        text
    }
}

/// What a dry run would do.
#[derive(Serialize)]
pub(super) struct PlannedRestore {
    database: String,
    way: &'static str,
    #[serde(flatten)]
    origin: Described,
    tables: Option<u64>,
    replaced: Vec<String>,
    survive: Vec<String>,
    survive_too: Vec<String>,
    locks_needed: Option<u64>,
    locks_of_server: Option<u64>,
    findings: Vec<Finding>,
}

impl PlannedRestore {
    pub(super) fn new(request: &RestoreRequest, origin: Described, plan: &RestorePlan) -> Self {
        Self {
            database: request.database.clone(),
            way: match request.way {
                Way::InPlace => "in place",
                Way::IntoPrepared => "into prepared",
                Way::Create => "create",
                Way::Swap => "swap",
            },
            origin,
            tables: plan.tables,
            replaced: plan.replaced.clone(),
            survive: plan.survive.clone(),
            survive_too: plan.survive_too.clone(),
            locks_needed: plan.locks.as_ref().map(LockNeed::total),
            locks_of_server: plan.locks.as_ref().map(|locks| locks.capacity),
            findings: plan.findings.clone(),
        }
    }

    fn effect(&self) -> String {
        match self.way {
            "into prepared" => "the prepared database would be filled".to_owned(),
            "create" => "the database would be created".to_owned(),
            "swap" => "the database would be exchanged, and the old one kept under another name".to_owned(),
            _ => format!("tables that would be replaced: {}", listed(&self.replaced)),
        }
    }
}

impl Report for PlannedRestore {
    fn text(&self) -> String {
        let mut text = format!(
            "would restore {} from {}\n{}\n",
            safe(&self.database),
            safe(&self.origin.to_string()),
            safe(&self.effect())
        );
        if !self.survive.is_empty() {
            text.push_str(&format!("tables that would stay: {}\n", safe(&listed(&self.survive))));
        }
        if !self.survive_too.is_empty() {
            text.push_str(&format!("what else would stay: {}\n", safe(&listed(&self.survive_too))));
        }
        if let (Some(needed), Some(there)) = (self.locks_needed, self.locks_of_server) {
            text.push_str(&format!("locks: about {needed} needed, the server has {there}\n"));
        }
        text
    }
}

/// The first of many names.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{}, and {} more", names[..SHOWN].join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}

/// Roles and tablespaces that a restore made, would make, changed or left alone.
#[derive(Serialize)]
pub(super) struct RestoredGlobals {
    #[serde(flatten)]
    origin: Described,
    dry_run: bool,
    created: Vec<String>,
    left_alone: Vec<String>,
    overwritten: Vec<String>,
}

impl RestoredGlobals {
    pub(super) fn new(origin: Described, effect: GlobalsRestored, existing: Existing, dry_run: bool) -> Self {
        let (left_alone, overwritten) = match existing {
            Existing::LeaveAlone => (effect.existed, Vec::new()),
            Existing::Overwrite => (Vec::new(), effect.existed),
        };
        Self {
            origin,
            dry_run,
            created: effect.created,
            left_alone,
            overwritten,
        }
    }
}

impl Report for RestoredGlobals {
    fn text(&self) -> String {
        let (made, brought) = if self.dry_run {
            ("would be made", "would be brought up to date")
        } else {
            ("made", "brought up to date")
        };
        let mut text = format!(
            "roles and tablespaces from {}\n{made}: {}\n",
            safe(&self.origin.from),
            safe(&listed(&self.created))
        );
        if self.overwritten.is_empty() {
            text.push_str(&format!(
                "there already, left alone: {} (--globals-overwrite changes them)\n",
                safe(&listed(&self.left_alone))
            ));
        } else {
            text.push_str(&format!("{brought}: {}\n", safe(&listed(&self.overwritten))));
        }
        text
    }
}

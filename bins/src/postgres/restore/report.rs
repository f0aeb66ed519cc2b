//! What a restore tells.

use super::Origin;
use crate::{output::Report, table::safe};
use backup_postgres::{
    restore::GlobalsRestored,
    target::{GLOBALS, RestoreReport},
};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Restored {
    database: String,
    from: String,
    tables: Option<u64>,
    rows: Option<u64>,
    survived: Vec<String>,
    kept: Option<String>,
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
            kept: report.kept.clone(),
            schema_version_in_backup: origin.schema_version(),
            schema_version_now: report.schema_version,
        }
    }
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
                safe(&self.survived.join(", "))
            ));
        }
        let (then, now) = (version(self.schema_version_in_backup), version(self.schema_version_now));
        text.push_str(&format!("schema version: {then} in the backup, {now} now\n"));
        text
    }
}

/// What a dry run would do.
#[derive(Serialize)]
pub(super) struct PlannedRestore {
    restores: String,
    from: String,
}

impl PlannedRestore {
    pub(super) fn new(what: &str, origin: &Origin) -> Self {
        Self {
            restores: what.to_owned(),
            from: origin.name(),
        }
    }
}

impl Report for PlannedRestore {
    fn text(&self) -> String {
        let what = match self.restores.as_str() {
            GLOBALS => "roles and tablespaces",
            database => database,
        };
        format!("would restore {} from {}\n", safe(what), safe(&self.from))
    }
}

/// Roles and tablespaces that a restore made or changed.
#[derive(Serialize)]
pub(super) struct RestoredGlobals {
    from: String,
    created: Vec<String>,
    existed: Vec<String>,
}

impl RestoredGlobals {
    pub(super) fn new(origin: &Origin, done: GlobalsRestored) -> Self {
        Self {
            from: origin.name(),
            created: done.created,
            existed: done.existed,
        }
    }
}

impl Report for RestoredGlobals {
    fn text(&self) -> String {
        format!(
            "roles and tablespaces: {} made, {} brought up to date\n",
            self.created.len(),
            self.existed.len()
        )
    }
}

//! The exchange of a live database for a restored one.

use super::{
    fresh::{FreshDatabase, derived_names},
    kept::Exchanged,
};
use crate::{
    Session,
    connection::{get, quoted},
    raw_text::bytes_of,
};
use backup_core::{Result, event::Finding, event::Severity};

/// What the exchange left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swapped {
    /// The name under which the old database was kept.
    pub kept: String,
    /// What to do about it.
    pub findings: Vec<Finding>,
}

impl FreshDatabase {
    /// Takes the place of the live database, which stays under the name `NAME__before_ID`.
    ///
    /// Both renames are one transaction (the server allows it, unlike CREATE and DROP DATABASE): whatever fails or is killed, the old database is in
    /// place, or the new one is; there is no moment at which neither is. While the server holds the lock on the old name, new sessions wait and old ones
    /// are ended; it gives up after five seconds.
    ///
    /// # Errors
    /// `SourceFailed`, with both databases as they were: call [`FreshDatabase::discard`].
    pub async fn swap(&self) -> Result<Swapped> {
        let (_, kept) = derived_names(&self.final_name, self.id);
        let mut findings = self.slots(&self.admin().await?).await?;
        let sql = format!(
            "ALTER DATABASE {live} RENAME TO {kept}; {naming}",
            live = quoted(&self.final_name),
            kept = quoted(&kept),
            naming = self.naming(),
        );
        let renamed = self.rename(&sql, &[&self.final_name, &self.name]).await;
        renamed.map_err(|error| {
            error
                .context(format!(
                    "{} and {} could not be exchanged; both are as they were",
                    self.final_name, self.name
                ))
                .hint("end the sessions and prepared transactions of the database, then try again")
        })?;
        let exchanged = Exchanged {
            settings: &self.settings,
            restored: &self.final_name,
            kept: &kept,
        };
        findings.extend(exchanged.look(self.admin().await).await);
        Ok(Swapped { kept, findings })
    }

    /// Logical replication slots stay with the old database, under its new name.
    async fn slots(&self, admin: &Session) -> Result<Vec<Finding>> {
        let sql = format!(
            "SELECT slot_name::pg_catalog.text FROM pg_catalog.pg_replication_slots WHERE {} = $1 ORDER BY 1",
            bytes_of("database")
        );
        let rows = admin.rows(&sql, &[&self.final_name.as_bytes()]).await?;
        let finding = |slot: String| {
            Finding {
            severity: Severity::Warning,
            subject: self.final_name.clone(),
            message: format!("replication slot {slot} stays with the old database"),
            hint: Some("create it again in the restored database and let its consumer take a new snapshot; then drop the old one".into()),
        }
        };
        rows.iter().map(|row| get(row, 0).map(finding)).collect()
    }
}

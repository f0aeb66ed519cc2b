//! Restore into a database that nobody sees until it is complete.

use super::{
    RestoreTarget,
    create_options::known_to,
    database_statements::{create_statement, properties},
    feed::restore_into,
    leftover::mark,
};
use crate::{
    RawText, ServerSettings, ServerVersion, Session,
    archive::{Contents, Walked},
    catalog::user_tables,
    connection::{get, literal, quoted},
    raw_statement::execute_raw,
    readable::readable,
    settings::fresh_run,
};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
    id::BackupId,
};
use bytes::Bytes;
use futures::Stream;
use tokio_util::sync::CancellationToken;

/// Longest name in bytes (`NAMEDATALEN` less one).
const LONGEST_NAME: usize = 63;

/// A fresh database `NAME__restore_ID` that is being filled.
///
/// It takes its final name by [`FreshDatabase::publish`] or [`FreshDatabase::swap`] only. [`FreshDatabase::discard`] drops it; a process that is killed
/// before leaves it behind under this name, never under another, with a mark by which [`crate::check::check_leftovers`] and the next restore know it.
#[derive(Debug)]
pub struct FreshDatabase {
    pub(super) name: String,
    pub(super) final_name: String,
    pub(super) id: BackupId,
    version: ServerVersion,
    pub(super) settings: ServerSettings,
    properties: Vec<RawText>,
    comments: Vec<RawText>,
    /// Those that only the database itself can be given, whose encoding they have, under its final name.
    late_comments: Vec<RawText>,
    mark: String,
    run: String,
    /// Shows that the run lives as long as this does, also while nobody is in the database.
    alive: Session,
    cancel: CancellationToken,
}

impl FreshDatabase {
    /// Creates it from `template0`, with encoding, locale and owner of the dump; without `contents` with those of the server.
    ///
    /// # Errors
    /// As [`Session::connect`]; `SourceFailed` if the server refuses it.
    pub async fn create(target: RestoreTarget<'_>, id: BackupId, contents: Option<&Contents>) -> Result<Self> {
        let ((name, _), run) = (derived_names(target.database, id), fresh_run());
        let maintenance = maintenance(target.settings, target.database);
        let admin = Session::connect(&target.settings.of_run("filling", &run), &maintenance).await?;
        let entry = contents.and_then(|contents| contents.database.as_ref());
        let sql = match entry {
            Some(entry) => create_statement(entry, &name)?,
            None => format!("CREATE DATABASE {} WITH TEMPLATE = template0", quoted(&name)),
        };
        let sql = known_to(admin.version(), sql, &format!("CREATE DATABASE {}", quoted(&name)));
        admin.execute(&sql).await.map_err(|error| {
            error
                .context(format!("database {name} cannot be created"))
                .hint("roles that are missing come with `restore --globals`; the login role needs CREATEDB")
        })?;
        let (comments, properties) = split(entry.map_or_else(Vec::new, |entry| properties(entry, &name)));
        let (named, _) = split(entry.map_or_else(Vec::new, |entry| self::properties(entry, target.database)));
        let fresh = Self {
            late_comments: named.into_iter().filter(|comment| comment.as_str().is_none()).collect(),
            mark: mark(id, &run),
            run,
            name,
            final_name: target.database.to_owned(),
            id,
            version: admin.version(),
            settings: target.settings.clone(),
            properties,
            comments,
            alive: admin,
            cancel: target.cancel.clone(),
        };
        fresh.marked().await
    }

    /// From here on it is known for what it is; killed between the two, it is one that nobody knows.
    async fn marked(self) -> Result<Self> {
        let sql = format!("COMMENT ON DATABASE {} IS {}", quoted(&self.name), literal(&self.mark));
        match self.alive.execute(&sql).await {
            Ok(()) => Ok(self),
            Err(error) => Err(match self.drop_it().await {
                Ok(()) => error,
                Err(stays) => error.hint(format!("{}; drop it by hand", stays.chain())),
            }),
        }
    }

    /// Whether the database of its name is still the one that this run made: had the run been taken for dead, another may have replaced it.
    async fn is_ours(&self, admin: &Session) -> Result<bool> {
        let sql = "SELECT FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) $1 \
            AND pg_catalog.shobj_description(oid, 'pg_database') OPERATOR(pg_catalog.=) $2";
        Ok(!admin.rows(sql, &[&self.name, &self.mark]).await?.is_empty())
    }

    /// What takes the mark away, and gives the database its name and the comment that it had.
    pub(super) fn naming(&self) -> String {
        let (name, named) = (quoted(&self.name), quoted(&self.final_name));
        let sayable = self.comments.iter().filter_map(RawText::as_str);
        let comments: String = sayable.map(|comment| format!("{comment}\n")).collect();
        format!("COMMENT ON DATABASE {name} IS NULL; {comments} ALTER DATABASE {name} RENAME TO {named}")
    }

    /// # Errors
    /// `SourceFailed` if it is not there any more.
    pub(super) async fn demand_ours(&self, admin: &Session) -> Result<()> {
        if self.is_ours(admin).await? {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::SourceFailed,
            format!(
                "database {} is no longer the one that this restore has filled",
                self.name
            ),
        )
        .hint("another restore replaced it, or somebody dropped it or changed its comment"))
    }

    /// A session of its own for each order: filling takes hours, and an idle session may not live that long.
    pub(super) async fn admin(&self) -> Result<Session> {
        Session::connect(&self.settings, &maintenance(&self.settings, &self.final_name)).await
    }

    /// The name that it has now.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fills it. No single transaction, so no limit of locks: a failure makes it useless, and it is to be discarded. Settings and privileges of the database
    /// itself come last.
    ///
    /// # Errors
    /// As [`super::restore_in_place`].
    pub async fn restore(
        &self,
        tools: &crate::ClientTools,
        dump: impl Stream<Item = Result<Bytes>> + Send + 'static,
    ) -> Result<Walked> {
        let target = RestoreTarget {
            settings: &self.settings.of_run("restore", &self.run),
            tools,
            database: &self.name,
            cancel: &self.cancel,
        };
        let walked = restore_into(target, &[], dump).await?;
        self.set_properties().await?;
        Ok(walked)
    }

    /// What is UTF-8 goes to the whole server as it is, everything else by way of the database whose encoding it has.
    async fn set_properties(&self) -> Result<()> {
        let admin = self.admin().await?;
        let takes_bytes = admin.takes_bytes().await?;
        for statement in &self.properties {
            match statement.as_str() {
                Some(text) if takes_bytes || text.is_ascii() => admin.execute(text).await?,
                _ => execute_raw(&Session::connect(&self.settings, &self.name).await?, statement).await?,
            }
        }
        Ok(())
    }

    /// Whether all that the dump has is there: each table, and not fewer views and indexes.
    ///
    /// # Errors
    /// `SourceFailed`, with what is missing.
    pub async fn check(&self, contents: &Contents) -> Result<()> {
        let session = Session::connect(&self.settings, &self.name).await?;
        let tables = user_tables(&session).await?;
        if let Some(missing) = contents.tables.iter().find(|table| !tables.contains(table)) {
            let name = readable(&session, &[missing.dotted()]).await.concat();
            return Err(self.incomplete(format!("table {name} is missing")));
        }
        let sql = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE oid >= 16384 AND relkind = ANY ($1::text[]::\"char\"[])";
        let kinds = [
            ("VIEW", ["v", "v"]),
            ("MATERIALIZED VIEW", ["m", "m"]),
            ("INDEX", ["i", "I"]),
        ];
        for (kind, letters) in kinds {
            let letters: &[&str] = &letters;
            let there = get::<i64>(&session.one(sql, &[&letters]).await?, 0)?.unsigned_abs();
            if there < contents.count(kind) {
                return Err(self.incomplete(format!("{there} of {} objects {kind} are there", contents.count(kind))));
            }
        }
        Ok(())
    }

    fn incomplete(&self, what: String) -> Error {
        Error::new(
            ErrorKind::SourceFailed,
            format!("the restored database {} is not complete: {what}", self.name),
        )
    }

    /// Gives it its final name, which no database may have. Sessions in it, as of a monitor that looks at every database, are ended. Atomic.
    ///
    /// # Errors
    /// `SourceFailed`, with the database as it was: call [`FreshDatabase::discard`].
    pub async fn publish(&self) -> Result<()> {
        self.rename(&self.naming(), &[&self.name]).await
    }

    /// Gives it the comment that only a session of its own can say, once it has its name. What it cannot is a finding.
    pub(super) async fn comment_late(&self) -> Option<Finding> {
        if self.late_comments.is_empty() {
            return None;
        }
        let error = self.comments_within().await.err()?;
        Some(Finding {
            severity: Severity::Warning,
            subject: self.final_name.clone(),
            message: format!("the comment of the database could not be restored: {}", error.chain()),
            hint: None,
        })
    }

    async fn comments_within(&self) -> Result<()> {
        let session = Session::connect(&self.settings, &self.final_name).await?;
        for comment in &self.late_comments {
            execute_raw(&session, comment).await?;
        }
        Ok(())
    }

    /// Drops it, with sessions that are in it. Idempotent. What another restore has made in its place stays.
    ///
    /// # Errors
    /// `SourceFailed`, with the name of the database that stays.
    pub async fn discard(&self) -> Result<()> {
        let ours = match self.admin().await {
            Ok(admin) => self.is_ours(&admin).await,
            Err(error) => Err(error),
        };
        match ours {
            Ok(false) => Ok(()),
            Ok(true) => self.drop_it().await,
            Err(error) => Err(self.stays(error)),
        }
    }

    fn stays(&self, error: Error) -> Error {
        error.context(format!("the unfinished database {} could not be dropped", self.name))
    }

    async fn drop_it(&self) -> Result<()> {
        let force = if self.version.major() >= 13 {
            " WITH (FORCE)"
        } else {
            ""
        };
        let sql = format!("DROP DATABASE IF EXISTS {}{force}", quoted(&self.name));
        let dropped = match self.admin().await {
            Ok(admin) => admin.execute(&sql).await,
            Err(error) => Err(error),
        };
        dropped.map_err(|error| self.stays(error))
    }
}

/// Comments, and everything else.
fn split(statements: Vec<RawText>) -> (Vec<RawText>, Vec<RawText>) {
    let is_comment = |statement: &RawText| statement.as_bytes().starts_with(b"COMMENT ");
    statements.into_iter().partition(is_comment)
}

/// A database to give orders from: never the one that is renamed.
pub(super) fn maintenance(settings: &ServerSettings, database: &str) -> String {
    if settings.maintenance_database == database {
        "template1".to_owned()
    } else {
        settings.maintenance_database.clone()
    }
}

/// `base` and `suffix`, with `base` cut where both are longer than a name may be.
fn derived_name(base: &str, suffix: &str) -> String {
    let mut end = base.len().min(LONGEST_NAME.saturating_sub(suffix.len()));
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &base[..end])
}

/// The names of a restore of backup `id` onto `database`: the one that is filled, and the one under which an exchange keeps the old database.
pub(crate) fn derived_names(database: &str, id: BackupId) -> (String, String) {
    (
        derived_name(database, &format!("__restore_{id}")),
        derived_name(database, &format!("__before_{id}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_at_a_character_so_that_it_stays_a_name() {
        let name = derived_name(&"ü".repeat(31), "__restore_20260422_170000");
        assert!(
            name.len() <= LONGEST_NAME && name.ends_with("__restore_20260422_170000"),
            "{name}"
        );
    }
}

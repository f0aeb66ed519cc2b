//! Roles and tablespaces from a `pg_dumpall --globals-only`.

use super::{globals_version::known_to, scratch::ScratchDatabase};
use crate::{
    RawText, ServerSettings, Session,
    raw_text::{bytes_of, get_raw},
    sql::{grantees, identifier, statements},
};
use backup_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::collections::HashSet;
use zeroize::Zeroizing;

/// Far above any real one: 10,000 roles take about 3 MB.
const LARGEST: usize = 64 << 20;
const COMPLETE: &str = "-- PostgreSQL database cluster dump complete";

/// What becomes of roles and tablespaces that the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They stay as they are, with their passwords.
    LeaveAlone,
    /// Attributes, passwords, settings and memberships become those of the backup.
    Overwrite,
}

/// What a restore of roles and tablespaces does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GlobalsRestored {
    /// Roles and tablespaces that are made.
    pub created: Vec<String>,
    /// Roles and tablespaces that are there already: left alone or overwritten, as was asked for.
    pub existed: Vec<String>,
    /// How statements begin of which nobody here knows what they change: left out where nothing that exists may be changed.
    pub left_out: Vec<String>,
}

/// A dump of roles and tablespaces, compared with a server. Holds the hashes of passwords.
pub struct GlobalsPlan {
    /// A character for each byte: names of roles are in whatever encoding their makers used.
    script: Zeroizing<String>,
    settings: ServerSettings,
    effect: GlobalsRestored,
}

impl std::fmt::Debug for GlobalsPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GlobalsPlan")
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}

impl GlobalsPlan {
    /// Reads `sql`, the output of `pg_dumpall --globals-only`, to its end, and asks the server which of it is there. Changes nothing. Memory: the dump,
    /// 64 MiB at most.
    ///
    /// # Errors
    /// Those of the stream; `Damaged` if the dump is cut; `Refused` if it holds commands for `psql`, or what only a newer server knows; those of [`Session::connect`].
    pub async fn new(
        settings: &ServerSettings,
        sql: impl Stream<Item = Result<Bytes>> + Send + Unpin,
        existing: Existing,
    ) -> Result<Self> {
        let text = collect(sql).await?;
        let session = Session::connect(settings, &settings.maintenance_database).await?;
        let there = There {
            roles: names(&session, "rolname", "pg_catalog.pg_roles").await?,
            spaces: names(&session, "spcname", "pg_catalog.pg_tablespace").await?,
        };
        let (script, effect) = selected(&text, &there, existing);
        let script = known_to(session.version(), script)?;
        Ok(Self {
            script,
            settings: settings.clone(),
            effect,
        })
    }

    /// What it makes, and what was there.
    #[must_use]
    pub fn effect(&self) -> &GlobalsRestored {
        &self.effect
    }

    /// Runs it, statement by statement, in one session. Never through `psql`, which would obey whatever commands somebody had hidden in the dump. The
    /// first error stops it (nothing is silently skipped); a new plan after a failure, or a dropped future, is right. Not atomic: tablespaces cannot be made in a transaction.
    ///
    /// # Errors
    /// `SourceFailed` with the beginning of the statement that failed.
    pub async fn run(self) -> Result<GlobalsRestored> {
        let session = Session::connect(&self.settings, &self.settings.maintenance_database).await?;
        let takes_bytes = session.takes_bytes().await?;
        let mut others = Vec::new();
        for chars in statements(&self.script) {
            let statement = bytes(chars);
            match std::str::from_utf8(&statement) {
                Ok(text) if takes_bytes || text.is_ascii() => {
                    session.execute(text).await.map_err(|error| failed(chars, error))?;
                }
                _ => others.push(chars),
            }
        }
        if !others.is_empty() {
            self.run_others(&session, &others).await?;
        }
        Ok(self.effect)
    }

    /// Statements with names that a session of the maintenance database cannot say: no UTF-8, or another encoding there. What they need of the others is there.
    async fn run_others(&self, session: &Session, others: &[&str]) -> Result<()> {
        let scratch = ScratchDatabase::create(session, &self.settings).await?;
        let run = async {
            for chars in others {
                let ran = scratch.execute(&RawText::from_chars(chars)).await;
                ran.map_err(|error| failed(chars, error))?;
            }
            Ok(())
        };
        let ran = run.await;
        let dropped = scratch.drop(session).await;
        ran.and(dropped)
    }
}

fn failed(statement: &str, error: Error) -> Error {
    error.context(format!("run `{} …`", beginning(statement)))
}

/// The way back from one character for each byte.
fn bytes(chars: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(chars.chars().map(|byte| u8::try_from(byte).unwrap_or(b'?')).collect())
}

fn shown(chars: String) -> String {
    RawText::from_chars(&chars).to_string()
}

async fn collect(mut sql: impl Stream<Item = Result<Bytes>> + Unpin) -> Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    while let Some(piece) = sql.next().await {
        let piece = piece?;
        if bytes.len() + piece.len() > LARGEST {
            return Err(damaged("it is larger than 64 MiB"));
        }
        bytes.extend_from_slice(&piece);
    }
    let text: Zeroizing<String> = Zeroizing::new(bytes.iter().copied().map(char::from).collect());
    demand_no_commands(&text)?;
    if !text.lines().any(|line| line == COMPLETE) {
        return Err(damaged("it ends too early"));
    }
    Ok(text)
}

/// `\\restrict TOKEN` and `\\unrestrict TOKEN`, which newer versions write around their output, are for `psql`; any other line for it is nothing that
/// `pg_dumpall` writes.
fn demand_no_commands(text: &str) -> Result<()> {
    let restricts = |line: &str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    let command = |line: &str| line.starts_with('\\') && !restricts(line);
    if statements(text).into_iter().any(command) {
        return Err(Error::new(
            ErrorKind::Refused,
            "the dump of roles holds a command for psql that pg_dumpall does not write",
        )
        .hint("somebody changed it: look at it with `backup-admin cat` before you run it by hand"));
    }
    Ok(())
}

fn damaged(why: &str) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("this is not a complete dump of roles and tablespaces: {why}"),
    )
}

/// A column of a catalog, a character for each byte.
async fn names(session: &Session, column: &str, catalog: &str) -> Result<HashSet<String>> {
    let sql = format!("SELECT {} FROM {catalog}", bytes_of(column));
    let rows = session.rows(&sql, &[]).await?;
    rows.iter().map(|row| Ok(get_raw(row, 0)?.to_chars())).collect()
}

/// What the server has.
struct There {
    roles: HashSet<String>,
    spaces: HashSet<String>,
}

/// What a statement is about.
enum About {
    /// `psql`, where that runs it.
    Psql,
    /// The session that runs it.
    Session,
    Role(String),
    Tablespace(String),
    /// A role, and the one that becomes a member of it.
    Membership(String, String),
    /// Nothing that this reader knows.
    Unknown,
}

fn selected(text: &str, there: &There, existing: Existing) -> (Zeroizing<String>, GlobalsRestored) {
    let mut script = Zeroizing::new(String::with_capacity(text.len()));
    let mut effect = GlobalsRestored::default();
    for statement in statements(text) {
        let about = about(statement);
        let is_new = there.misses(&about);
        let creates = statement.starts_with("CREATE ");
        if let (true, About::Role(name) | About::Tablespace(name)) = (creates, &about) {
            let list = if is_new {
                &mut effect.created
            } else {
                &mut effect.existed
            };
            list.push(shown(name.clone()));
        }
        let wanted = match about {
            About::Psql => false,
            About::Session => true,
            About::Unknown if existing == Existing::LeaveAlone => {
                effect.left_out.push(beginning(statement));
                false
            }
            _ if creates => is_new,
            _ => is_new || existing == Existing::Overwrite,
        };
        if wanted {
            script.push_str(statement);
            script.push('\n');
        }
    }
    (script, effect)
}

/// Its first two words: what follows may be the hash of a password.
fn beginning(statement: &str) -> String {
    statement.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

impl There {
    /// Whether it is about something that the restore makes. A membership is, if one of its two roles is.
    fn misses(&self, about: &About) -> bool {
        match about {
            About::Role(name) => !self.roles.contains(name),
            About::Tablespace(name) => !self.spaces.contains(name),
            About::Membership(role, member) => !(self.roles.contains(role) && self.roles.contains(member)),
            About::Psql | About::Session | About::Unknown => false,
        }
    }
}

fn about(statement: &str) -> About {
    if statement.starts_with('\\') {
        return About::Psql;
    }
    // Ours are UTF-8, or bytes.
    if statement.starts_with("SET client_encoding ") {
        return About::Psql;
    }
    if statement.starts_with("SET ") || statement.starts_with("SELECT pg_catalog.set_config(") {
        return About::Session;
    }
    let role = |name: String| About::Role(name);
    let named = match statement.split_once(' ') {
        Some(("CREATE" | "ALTER", rest)) => subject(rest),
        Some(("COMMENT", rest)) => rest.strip_prefix("ON ").and_then(subject),
        Some(("SECURITY", rest)) => rest.split_once(" ON ").and_then(|(_, rest)| subject(rest)),
        Some(("GRANT" | "REVOKE", rest)) => membership(rest).or_else(|| match rest.split_once(" ON ")? {
            (_, on) if on.starts_with("TABLESPACE ") => subject(on),
            // A privilege on a parameter of the server belongs to whom it is given.
            _ => grantees(statement)?.into_iter().next().map(role),
        }),
        _ => None,
    };
    named.unwrap_or(About::Unknown)
}

fn subject(text: &str) -> Option<About> {
    if let Some(rest) = text.strip_prefix("ROLE ") {
        return Some(About::Role(identifier::split(rest)?.0));
    }
    Some(About::Tablespace(
        identifier::split(text.strip_prefix("TABLESPACE ")?)?.0,
    ))
}

/// `team TO member …`
fn membership(text: &str) -> Option<About> {
    let (role, _, rest) = identifier::split(text)?;
    let (member, _, _) = identifier::split(rest.strip_prefix(" TO ")?)?;
    Some(About::Membership(role, member))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    const DUMP: &str = "SET client_encoding = 'UTF8';\n\nCREATE ROLE kernel;\nALTER ROLE kernel WITH SUPERUSER PASSWORD 'x';\nCREATE ROLE \"new one\";\n\
        ALTER ROLE \"new one\" WITH LOGIN;\nCOMMENT ON ROLE kernel IS 'two;\nlines';\nGRANT kernel TO team;\nGRANT team TO \"new one\" GRANTED BY kernel;\n\
        CREATE TABLESPACE fast OWNER kernel LOCATION '/x';\nGRANT ALL ON TABLESPACE fast TO team;\nALTER TABLESPACE slow SET (seq_page_cost=2);\n\
        GRANT SET ON PARAMETER work_mem TO team;\nDROP ROLE something;\n";

    fn there() -> There {
        There {
            roles: ["kernel", "team"].map(str::to_owned).into(),
            spaces: HashSet::from(["slow".to_owned()]),
        }
    }

    #[test]
    fn what_is_there_is_left_alone_and_what_is_missing_is_made_with_all_that_belongs_to_it() {
        let (script, effect) = selected(DUMP, &there(), Existing::LeaveAlone);
        assert_eq!(
            *script,
            "CREATE ROLE \"new one\";\nALTER ROLE \"new one\" WITH LOGIN;\nGRANT team TO \"new one\" GRANTED BY kernel;\n\
            CREATE TABLESPACE fast OWNER kernel LOCATION '/x';\nGRANT ALL ON TABLESPACE fast TO team;\n"
        );
        assert_eq!(
            (effect.existed, effect.created),
            (vec!["kernel".into()], vec!["new one".into(), "fast".into()])
        );
        assert_eq!(effect.left_out, ["DROP ROLE"], "never without a word");
    }

    #[test]
    fn overwriting_leaves_out_only_the_creation_of_what_is_there() {
        let (script, effect) = selected(DUMP, &there(), Existing::Overwrite);
        let all: Vec<_> = statements(DUMP)
            .into_iter()
            .filter(|statement| !["CREATE ROLE kernel;", "SET client_encoding = 'UTF8';"].contains(statement))
            .collect();
        assert_eq!(statements(&script), all);
        assert_eq!((effect.existed, effect.left_out), (vec!["kernel".into()], vec![]));
    }

    #[tokio::test]
    async fn commands_for_psql_are_refused_and_its_own_lines_are_not_run() {
        let script = format!("CREATE ROLE a;\n\\! touch /tmp/x\n{COMPLETE}\n");
        let refused = collect(stream::iter([Ok(Bytes::from(script))])).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
        let newer = format!("\\restrict aB3\nCREATE ROLE a;\n\\unrestrict aB3\n{COMPLETE}\n");
        let text = collect(stream::iter([Ok(Bytes::from(newer))])).await.unwrap();
        assert_eq!(*selected(&text, &there(), Existing::LeaveAlone).0, "CREATE ROLE a;\n");
    }

    #[tokio::test]
    async fn a_cut_dump_of_roles_is_not_run() {
        let cut = stream::iter([Ok(Bytes::from_static(
            b"CREATE ROLE x;\n-- PostgreSQL database cluster dump comp",
        ))]);
        assert_eq!(collect(cut).await.unwrap_err().kind(), ErrorKind::Damaged);
    }
}

//! Roles and tablespaces from a `pg_dumpall --globals-only`.

use super::identifier;
use crate::{
    ClientTools, ServerSettings, Session,
    client_process::{ClientProcess, Streams},
    connection::get,
    passfile::{self, Carrier},
};
use backup_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::{collections::HashSet, process::Stdio};
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

/// Far above any real one: 10,000 roles take about 3 MB.
const LARGEST: usize = 64 << 20;
const COMPLETE: &str = "-- PostgreSQL database cluster dump complete";

/// What a restore of roles and tablespaces did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GlobalsRestored {
    /// Roles and tablespaces that were made.
    pub created: Vec<String>,
    /// Roles and tablespaces that were there: attributes, passwords, settings and memberships of the roles are now those of the backup.
    pub existed: Vec<String>,
}

/// Runs `sql`, the output of `pg_dumpall --globals-only`, through `psql`.
///
/// `CREATE ROLE` and `CREATE TABLESPACE` of what exists is left out; everything else in such a dump can be repeated. So the first error stops it (nothing is
/// silently skipped), and running it again after a failure is right. Not atomic: tablespaces cannot be made in a transaction. The whole dump is read, and its
/// end seen, before the first statement runs; it is held in memory (64 MiB at most).
///
/// # Errors
/// Those of the stream; `Damaged` if the dump is cut; `SourceFailed` with the statement that failed.
pub async fn restore_globals(
    settings: &ServerSettings,
    tools: &ClientTools,
    sql: impl Stream<Item = Result<Bytes>> + Send + Unpin,
) -> Result<GlobalsRestored> {
    let text = collect(sql).await?;
    let session = Session::connect(settings, &settings.maintenance_database).await?;
    let roles = names(&session, "SELECT rolname FROM pg_catalog.pg_roles").await?;
    let spaces = names(&session, "SELECT spcname FROM pg_catalog.pg_tablespace").await?;
    let (script, done) = without_existing(&text, &roles, &spaces);
    let settings = settings.without_timeouts(session.version());
    run(&settings, tools, script.as_bytes()).await?;
    Ok(done)
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
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged("it is not text"))?;
    if !text.lines().any(|line| line == COMPLETE) {
        return Err(damaged("it ends too early"));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn damaged(why: &str) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("this is not a complete dump of roles and tablespaces: {why}"),
    )
}

async fn names(session: &Session, sql: &str) -> Result<HashSet<String>> {
    session.rows(sql, &[]).await?.iter().map(|row| get(row, 0)).collect()
}

fn without_existing(
    text: &str,
    roles: &HashSet<String>,
    spaces: &HashSet<String>,
) -> (Zeroizing<String>, GlobalsRestored) {
    let mut script = Zeroizing::new(String::with_capacity(text.len()));
    let mut done = GlobalsRestored::default();
    for line in text.split_inclusive('\n') {
        match created(line, roles, spaces) {
            Some((name, true)) => done.existed.push(name),
            Some((name, false)) => {
                done.created.push(name);
                script.push_str(line);
            }
            None => script.push_str(line),
        }
    }
    (script, done)
}

/// The name that a line creates, and whether it is there already.
fn created(line: &str, roles: &HashSet<String>, spaces: &HashSet<String>) -> Option<(String, bool)> {
    let one_line = line.trim_end().ends_with(';');
    let (rest, existing) = match line.strip_prefix("CREATE ROLE ") {
        Some(rest) => (rest, roles),
        None => (line.strip_prefix("CREATE TABLESPACE ")?, spaces),
    };
    let (name, _, _) = identifier::split(rest).filter(|_| one_line)?;
    let exists = existing.contains(&name);
    Some((name, exists))
}

async fn run(settings: &ServerSettings, tools: &ClientTools, script: &[u8]) -> Result<()> {
    let carrier = settings.password().map(|_| Carrier::Stdout.path());
    let target = format!(
        "--dbname={}",
        settings.conninfo(&settings.maintenance_database, carrier)
    );
    let fixed = [
        "--no-psqlrc",
        "--no-password",
        "--quiet",
        "--output=/dev/null",
        "--set=ON_ERROR_STOP=1",
        // A statement that fails may hold the hash of a password; the server's sentence is enough.
        "--set=VERBOSITY=terse",
        "--set=SHOW_CONTEXT=never",
        "--file=-",
    ];
    let arguments = [&fixed[..], &[&target]].concat();
    let streams = Streams {
        stdin: Stdio::piped(),
        stdout: passfile::stream(settings.password())?,
    };
    let mut process = ClientProcess::spawn(&tools.program("psql"), &arguments, streams)?;
    let mut stdin = process.take_stdin()?;
    // psql stops reading at the first error; its exit status and message say which.
    let written = stdin.write_all(script).await;
    drop(stdin);
    process.wait().await?.vouch()?;
    written.map_err(|error| Error::new(ErrorKind::SourceFailed, "psql ended before the script did").because(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    #[test]
    fn only_the_creation_of_what_exists_is_left_out() {
        let text = "CREATE ROLE kernel;\nALTER ROLE kernel WITH SUPERUSER;\nCREATE ROLE \"new one\";\nCREATE TABLESPACE fast OWNER kernel LOCATION '/x';\n";
        let existing = HashSet::from(["kernel".to_owned()]);
        let (script, done) = without_existing(text, &existing, &HashSet::new());
        assert_eq!(
            *script,
            "ALTER ROLE kernel WITH SUPERUSER;\nCREATE ROLE \"new one\";\nCREATE TABLESPACE fast OWNER kernel LOCATION '/x';\n"
        );
        assert_eq!(
            (done.existed, done.created),
            (vec!["kernel".into()], vec!["new one".into(), "fast".into()])
        );
    }

    #[tokio::test]
    async fn a_cut_dump_of_roles_is_not_run() {
        let cut = stream::iter([Ok(Bytes::from_static(
            b"CREATE ROLE x;\n-- PostgreSQL database cluster dump comp",
        ))]);
        assert_eq!(collect(cut).await.unwrap_err().kind(), ErrorKind::Damaged);
    }
}

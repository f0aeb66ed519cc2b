//! A client program of PostgreSQL that runs: a clean environment, its own process group, its last words kept, ended when dropped.

use crate::{Remarks, live_groups::LIVE};
use backup_core::{Error, ErrorKind, Result};
use std::{
    ffi::OsStr,
    fmt, io,
    os::fd::AsFd,
    path::Path,
    process::{ExitStatus, Stdio},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tokio_util::task::AbortOnDropHandle;

/// How much of a program's stderr is kept: the end of it.
const STDERR_KEPT: usize = 64 << 10;

/// How much a pipe to or from a program holds: what any user may ask for (`/proc/sys/fs/pipe-max-size`).
const PIPE: usize = 1 << 20;

/// The standard streams of a program that is started.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) stdin: Stdio,
    pub(crate) stdout: Stdio,
}

/// A running client program. Dropping it kills it and everything it started.
#[derive(Debug)]
pub(crate) struct ClientProcess {
    child: Child,
    name: String,
    stderr: Option<AbortOnDropHandle<io::Result<Vec<u8>>>>,
    remarks: Remarks,
}

/// How a client program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) name: String,
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl ClientProcess {
    /// Starts `program`. Its environment is empty but for the language of its messages: nothing secret that this process was given is handed on.
    pub(crate) fn spawn<A: AsRef<OsStr>>(program: &Path, args: &[A], streams: Streams) -> Result<Self> {
        let name = program
            .file_name()
            .unwrap_or(program.as_os_str())
            .to_string_lossy()
            .into_owned();
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .env("LC_ALL", "C")
            .stdin(streams.stdin)
            .stdout(streams.stdout)
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                Error::new(ErrorKind::Config, format!("{} does not start", program.display())).because(error)
            })?;
        if let Some(id) = child.id() {
            LIVE.add(id);
        }
        let stderr = child
            .stderr
            .take()
            .map(|stderr| AbortOnDropHandle::new(tokio::spawn(last_words(stderr))));
        Ok(Self {
            child,
            name,
            stderr,
            remarks: Remarks::default(),
        })
    }

    /// What it writes, however it ends; known once it was waited for.
    pub(crate) fn remarks(&self) -> Remarks {
        self.remarks.clone()
    }

    /// Its name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The number of its process, until it was waited for.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its output, once.
    pub(crate) fn take_stdout(&mut self) -> Result<ChildStdout> {
        let stdout = self.child.stdout.take().ok_or_else(|| self.no_stream("output"))?;
        widen(&stdout, &self.name);
        Ok(stdout)
    }

    /// Its input, once.
    pub(crate) fn take_stdin(&mut self) -> Result<ChildStdin> {
        let stdin = self.child.stdin.take().ok_or_else(|| self.no_stream("input"))?;
        widen(&stdin, &self.name);
        Ok(stdin)
    }

    fn no_stream(&self, which: &str) -> Error {
        Error::new(
            ErrorKind::Internal,
            format!("{} was started without {which}", self.name),
        )
    }

    /// Waits for its end. Cancel-safe: a dropped call leaves it running until it is dropped itself.
    pub(crate) async fn wait(&mut self) -> Result<Ended> {
        let failed =
            |error: io::Error| Error::new(ErrorKind::Internal, "a client program cannot be waited for").because(error);
        let id = self.child.id();
        let status = self.child.wait().await.map_err(failed)?;
        if let Some(id) = id {
            LIVE.remove(id);
        }
        let stderr = match self.stderr.take() {
            Some(task) => task.await.map_err(|error| failed(error.into()))?.map_err(failed)?,
            None => Vec::new(),
        };
        let stderr = without_rows(&String::from_utf8_lossy(&stderr));
        self.remarks.set(&stderr);
        Ok(Ended {
            name: self.name.clone(),
            status,
            stderr,
        })
    }

    /// Kills it with its whole group and waits until it is gone. Its input may be closed only afterwards where an end of input would mean success.
    pub(crate) async fn kill(&mut self) -> Result<Ended> {
        self.signal_group();
        self.wait().await
    }

    /// Only while it was not waited for: until then no other process can have its number.
    fn signal_group(&self) {
        let pid = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid
            && let Err(error) = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL)
        {
            tracing::debug!(%error, name = self.name, "the process group is gone already");
        }
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        self.signal_group();
        if let Some(id) = self.child.id() {
            LIVE.remove(id);
        }
    }
}

impl Ended {
    /// Success is exit status 0 and nothing else.
    pub(crate) fn vouch(self) -> Result<String> {
        if self.status.success() {
            Ok(self.stderr)
        } else {
            Err(self.into_error())
        }
    }

    /// The error of a program that failed.
    pub(crate) fn into_error(self) -> Error {
        let kind = if cannot_connect(&self.stderr) {
            ErrorKind::SourceUnreachable
        } else {
            ErrorKind::SourceFailed
        };
        let error = Error::new(kind, format!("{} failed ({})", self.name, self.status));
        if self.stderr.is_empty() {
            error
        } else {
            error.because(LastWords(self.stderr))
        }
    }
}

/// What a failed program wrote last.
#[derive(Debug)]
struct LastWords(String);

impl fmt::Display for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LastWords {}

/// Lets a pipe hold more than Linux gives it by itself (64 KiB), so that the two sides wait for each other less. Only speed depends on it: a user who has
/// many pipes already is refused (`/proc/sys/fs/pipe-user-pages-soft`).
fn widen(pipe: &impl AsFd, name: &str) {
    if let Err(error) = rustix::pipe::fcntl_setpipe_size(pipe, PIPE) {
        tracing::debug!(%error, name, "the pipe of a client program stays small");
    }
}

/// libpq: `connection to server at "h" (addr), port n failed: reason`; a reason that begins with FATAL is an answer of a server that was reached.
fn cannot_connect(stderr: &str) -> bool {
    stderr.lines().any(|line| {
        let refused = line.contains("connection to server") && line.contains(" failed: ");
        let answered = line.contains("failed: FATAL:") && !line.contains("the database system is");
        (refused && !answered && !line.contains("no password supplied"))
            || line.contains("could not translate host name")
    })
}

/// The server quotes rows and statements in these lines; the sentence before them says what failed. `pg_restore` quotes the statement, over several lines
/// where it has them, and it may hold a password (user mappings, subscriptions).
fn without_rows(stderr: &str) -> String {
    let mut in_statement = false;
    let quotes = |line: &&str| {
        line.contains("CONTEXT:  ")
            || line.starts_with("LINE ")
            || line.starts_with("DETAIL:  Key (")
            || line.starts_with("DETAIL:  Failing row contains")
    };
    let mut quoted = |line: &&str| {
        let begins = line.starts_with("Command was: ") || line.contains("Query was: ");
        let other = ["pg_restore: ", "pg_dump: ", "pg_dumpall: "]
            .iter()
            .any(|name| line.starts_with(name));
        in_statement = begins || in_statement && !other;
        in_statement
    };
    stderr
        .lines()
        .filter(|line| !quoted(line) && !quotes(line))
        .collect::<Vec<_>>()
        .join("\n")
}

async fn last_words(mut stderr: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut kept = Vec::with_capacity(4096);
    while stderr.read_buf(&mut kept).await? > 0 {
        if kept.len() >= 2 * STDERR_KEPT {
            kept.drain(..kept.len() - STDERR_KEPT);
        }
    }
    if kept.len() > STDERR_KEPT {
        kept.drain(..kept.len() - STDERR_KEPT);
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> Streams {
        Streams {
            stdin: Stdio::null(),
            stdout: Stdio::null(),
        }
    }

    #[tokio::test]
    async fn only_exit_status_zero_is_success_and_the_last_words_are_the_cause() {
        let mut child =
            ClientProcess::spawn(Path::new("/bin/sh"), &["-c", "echo gone wrong >&2; exit 3"], streams()).unwrap();
        let error = child.wait().await.unwrap().vouch().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SourceFailed);
        assert_eq!(error.chain(), "sh failed (exit status: 3): gone wrong");
    }

    #[tokio::test]
    async fn the_end_of_a_long_stderr_is_kept() {
        let script = "i=0; while [ $i -lt 40000 ]; do echo line$i >&2; i=$((i+1)); done; exit 1";
        let mut child = ClientProcess::spawn(Path::new("/bin/sh"), &["-c", script], streams()).unwrap();
        let ended = child.wait().await.unwrap();
        assert!(ended.stderr.ends_with("line39999"));
        assert!(ended.stderr.len() <= STDERR_KEPT);
    }

    #[tokio::test]
    async fn nothing_of_this_environment_reaches_a_child() {
        let mut child = ClientProcess::spawn(
            Path::new("/usr/bin/env"),
            &[] as &[&str],
            Streams {
                stdin: Stdio::null(),
                stdout: Stdio::piped(),
            },
        )
        .unwrap();
        let mut text = String::new();
        child.take_stdout().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "LC_ALL=C\n");
    }

    #[tokio::test]
    async fn dropping_it_kills_what_it_started_too() {
        let mut child = ClientProcess::spawn(
            Path::new("/bin/sh"),
            &["-c", "sleep 600 & echo $!; wait"],
            Streams {
                stdin: Stdio::null(),
                stdout: Stdio::piped(),
            },
        )
        .unwrap();
        let mut stdout = child.take_stdout().unwrap();
        stdout.read_u8().await.unwrap(); // the grandchild has been started
        drop(child);
        let mut rest = Vec::new();
        stdout.read_to_end(&mut rest).await.unwrap(); // ends only when nobody holds the other side
        assert!(rest.len() < 32);
    }

    #[test]
    fn rows_of_the_data_are_not_among_the_last_words() {
        let stderr = "pg_restore: error: COPY failed for table \"t\": ERROR:  bad\nDETAIL:  Key (id)=(planted) exists.\nCONTEXT:  COPY t, line 1: planted\nLINE 1: planted\nDETAIL:  view v depends on table t\n";
        let kept = without_rows(stderr);
        assert!(
            !kept.contains("planted") && kept.ends_with("view v depends on table t"),
            "{kept}"
        );
    }

    #[test]
    fn statements_that_failed_are_not_among_the_last_words() {
        let stderr = "pg_restore: error: could not execute query: ERROR:  server \"x\" does not exist\nCommand was: CREATE USER MAPPING FOR a SERVER x OPTIONS (\n    password 'planted'\n);\npg_restore: warning: errors ignored on restore: 1\npg_dump: detail: Query was: SELECT planted\n";
        let kept = without_rows(stderr);
        assert!(!kept.contains("planted"), "{kept}");
        assert!(
            kept.contains("does not exist") && kept.contains("errors ignored"),
            "{kept}"
        );
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_told_from_one_that_refuses() {
        let refused = r#"pg_dump: error: connection to server at "127.0.0.1", port 1 failed: Connection refused"#;
        let starting =
            r#"pg_dump: error: connection to server at "h", port 1 failed: FATAL:  the database system is starting up"#;
        let password = r#"pg_dump: error: connection to server at "h", port 1 failed: FATAL:  password authentication failed for user "x""#;
        assert!(cannot_connect(refused) && cannot_connect(starting));
        assert!(!cannot_connect(password) && !cannot_connect("pg_dump: error: query failed"));
    }
}

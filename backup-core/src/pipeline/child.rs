//! A child process as a source: the end of its output counts only with exit status 0.

use super::source::{ByteStream, Source, read_all};
use crate::{Error, ErrorKind, Result};
use futures::{StreamExt, stream};
use std::{collections::VecDeque, process::Stdio};
use tokio::{
    io::AsyncReadExt,
    process::{ChildStderr, Command},
    task::JoinHandle,
};

/// How much of a child's error output is kept: its end.
const STDERR_KEPT: usize = 64 << 10;

/// A running child process whose standard output is a [`Source`].
#[derive(Debug)]
pub struct Child {
    name: String,
    process: tokio::process::Child,
    stderr: JoinHandle<std::io::Result<String>>,
}

impl Child {
    /// Starts `command` with its output as a source. `name` is what errors call it (`pg_dump platform_money`); the command line is never shown. The
    /// process is killed when the source is dropped before its end.
    ///
    /// # Errors
    /// Fails if the program cannot be started.
    pub fn source(name: impl Into<String>, mut command: Command) -> Result<Source> {
        let name = name.into();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| {
            Error::new(ErrorKind::SourceFailed, format!("start {name}")).because(error).hint("is the program installed and in PATH?")
        })?;
        let (Some(stdout), Some(stderr)) = (process.stdout.take(), process.stderr.take()) else {
            return Err(Error::new(ErrorKind::Internal, format!("{name} has no output")));
        };
        let reading = format!("read the output of {name}");
        let child = Self { name, process, stderr: tokio::spawn(tail(stderr)) };
        Ok(Source::vouched(output(read_all(stdout, reading), child)))
    }

    /// Waits for the end of the process and gives an error unless its exit status is 0.
    async fn vouch(mut self) -> Result<()> {
        let status = self.process.wait().await.map_err(|error| self.failed("cannot be waited for").because(error))?;
        if status.success() {
            return Ok(());
        }
        let said = match (&mut self.stderr).await {
            Ok(Ok(said)) if !said.trim().is_empty() => said.trim().to_owned(),
            _ => "it said nothing on its error output".to_owned(),
        };
        Err(self.failed(&format!("ended with {status}")).because(said))
    }

    fn failed(&self, what: &str) -> Error {
        Error::new(ErrorKind::SourceFailed, format!("{} {what}", self.name))
    }
}

/// The child's output, followed by an error if the child did not end well.
fn output(stdout: ByteStream, child: Child) -> ByteStream {
    let verdict = stream::once(child.vouch()).filter_map(|end| async move { end.err().map(Err) });
    // The child moves along with the stream, so that dropping the stream kills it.
    stdout.chain(verdict).boxed()
}

/// The last [`STDERR_KEPT`] bytes of the error output, as text.
async fn tail(mut stderr: ChildStderr) -> std::io::Result<String> {
    let mut kept = VecDeque::with_capacity(STDERR_KEPT);
    let mut buffer = vec![0; 8 << 10];
    loop {
        let count = stderr.read(&mut buffer).await?;
        if count == 0 {
            let bytes: Vec<u8> = kept.into();
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        kept.extend(&buffer[..count]);
        let excess = kept.len().saturating_sub(STDERR_KEPT);
        kept.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    fn shell(script: &str) -> Result<Source> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Child::source("sh", command)
    }

    async fn read(script: &str) -> Result<Vec<u8>> {
        let chunks: Vec<_> = shell(script)?.into_stream().try_collect().await?;
        Ok(chunks.concat())
    }

    #[tokio::test]
    async fn output_counts_only_with_exit_status_0() {
        assert_eq!(read("printf abc").await.unwrap(), b"abc");
        let error = read("printf abc; echo disk gone >&2; exit 3").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SourceFailed);
        assert_eq!(error.chain(), "sh ended with exit status: 3: disk gone");
    }

    #[tokio::test]
    async fn a_killed_child_is_an_error() {
        assert!(read("printf abc; kill -9 $$").await.unwrap_err().chain().contains("signal: 9"));
    }

    #[tokio::test]
    async fn much_error_output_does_not_stall_the_child_and_its_end_is_kept() {
        let error = read("i=0; while [ $i -lt 20000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1").await.unwrap_err();
        assert!(error.chain().ends_with("line 19999"), "{}", error.chain().len());
        assert!(error.chain().len() < STDERR_KEPT + 100);
    }

    #[tokio::test]
    async fn a_dropped_source_kills_its_child() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let mut stream = shell(&format!("echo $$ > {}; echo up; exec sleep 1000", pid.display())).unwrap().into_stream();
        stream.try_next().await.unwrap();
        let pid: u32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        drop(stream);
        // tokio reaps the killed child in the background; until then /proc shows it as a zombie.
        let alive = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        for _ in 0..500 {
            if !alive() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("child {pid} is still running");
    }
}

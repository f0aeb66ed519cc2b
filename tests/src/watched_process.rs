//! A server process that cannot outlive the test.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
const LOG_LINES: usize = 40;

/// How to run one server.
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'a str, String)>,
    /// Removed when the test ends, also when it was killed.
    pub(crate) folder: &'a Path,
    pub(crate) stop_signal: &'static str,
}

/// One server process under a watchdog: a tiny shell that reads orders from a pipe. When the test process ends, for
/// whatever reason (returned, panicked, `kill -9`), the kernel closes the pipe; the watchdog then ends the server and
/// removes its folder. It has a process group of its own, so Ctrl-C reaches the test and not the watchdog.
#[derive(Debug)]
pub(crate) struct WatchedProcess {
    name: String,
    log: PathBuf,
    stop_signal: &'static str,
    watchdog: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pid: u32,
    running: bool,
}

impl WatchedProcess {
    /// Starts the process; its output is appended to `<folder>/<name>.log`.
    pub(crate) fn start(program: Program<'_>) -> Self {
        let log = program.folder.join(format!("{}.log", program.name));
        let mut watchdog = Command::new("sh")
            .args([Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/watchdog.sh")), program.folder, &log])
            .arg(program.stop_signal)
            .args(&program.arguments)
            .envs(program.environment)
            .current_dir(program.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh starts");
        let mut process = Self {
            name: program.name.to_owned(),
            log,
            stop_signal: program.stop_signal,
            orders: watchdog.stdin.take(),
            answers: BufReader::new(watchdog.stdout.take().expect("stdout is piped")),
            watchdog,
            pid: 0,
            running: false,
        };
        process.start_again();
        process
    }

    /// Starts the process once more after [`WatchedProcess::end`]; nothing happens if it runs.
    pub(crate) fn start_again(&mut self) {
        if !self.running {
            self.pid = self
                .order("start")
                .parse()
                .expect("the watchdog answers with a process id");
            self.running = true;
        }
    }

    /// Process id of the server itself.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends `signal` (`INT`, `TERM`, `KILL` …) and waits until the process is gone; after ten seconds it is killed.
    /// `KILL` takes the children of the process with it. Idempotent.
    pub(crate) fn end(&mut self, signal: &str) {
        if self.running {
            self.order(&format!("end {signal}"));
            self.running = false;
        }
    }

    /// Ends the process with its own stop signal.
    pub(crate) fn stop(&mut self) {
        self.end(self.stop_signal);
    }

    /// Polls `ready` until it is true.
    ///
    /// Panics with the tail of the log when the process ended, or when a minute has passed.
    pub(crate) fn wait_until(&self, ready: impl Fn() -> bool) {
        let deadline = Instant::now() + READY_WITHIN;
        while !ready() {
            assert!(
                self.is_alive(),
                "{} ended while starting:\n{}",
                self.name,
                self.log_tail()
            );
            assert!(
                Instant::now() < deadline,
                "{} is not ready after a minute:\n{}",
                self.name,
                self.log_tail()
            );
            std::thread::sleep(POLL);
        }
    }

    /// The last lines that the process wrote.
    pub(crate) fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_else(|error| format!("(no log: {error})").into_bytes());
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// An ended process stays a zombie until the watchdog waits for it.
    fn is_alive(&self) -> bool {
        std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).is_ok_and(|stat| {
            !stat
                .rsplit(')')
                .next()
                .is_some_and(|rest| rest.trim_start().starts_with('Z'))
        })
    }

    fn order(&mut self, order: &str) -> String {
        let orders = self.orders.as_mut().expect("open until dropped");
        writeln!(orders, "{order}").expect("the watchdog of a server reads its orders");
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("the watchdog of a server answers");
        answer.trim().to_owned()
    }
}

impl Drop for WatchedProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let tail = format!("--- log of {} ---\n{}\n---\n", self.name, self.log_tail());
            // Nothing can be done about a closed stderr, least of all a second panic.
            drop(std::io::stderr().write_all(tail.as_bytes()));
        }
        drop(self.orders.take());
        drop(self.watchdog.wait());
    }
}

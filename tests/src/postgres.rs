//! PostgreSQL: Debian's 15, and the other versions that users run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::free_port;
use crate::postgres_binaries::{DEBIAN_MAJOR, postgres_binaries, reachable_binaries};
use crate::watched_process::{Program, WatchedProcess};

const BINARIES: &str = "/usr/lib/postgresql/15/bin";
const SYSTEM_USER: &str = "postgres";

/// What differs from an ordinary server.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Survive a power cut of the machine. Off by default: the data lives as long as the test.
    pub fsync: bool,
    /// Further lines of `postgresql.conf`: name and value.
    pub settings: Vec<(String, String)>,
}

/// A PostgreSQL of its own, with one superuser ([`Postgres::USER`]) who logs in by password (SCRAM) on TCP and on a unix
/// socket. Its data is gone when it is dropped, or when the test process ends.
///
/// `initdb` refuses root: run by root, the server runs as the system user `postgres`.
#[derive(Debug)]
pub struct Postgres {
    major: u32,
    binaries: PathBuf,
    process: WatchedProcess,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// The superuser.
    pub const USER: &str = "kernel";
    /// Password of the superuser. It has characters that a URL and a password file must escape.
    pub const PASSWORD: &str = r"pg:test\secret@1";
    /// Where Debian keeps `pg_dump`, `pg_restore`, `psql` and the server of version 15, which most tests run against.
    pub const BINARIES: &str = BINARIES;
    /// The major versions that there are.
    pub const VERSIONS: [u32; 5] = [14, 15, 16, 17, 18];

    /// Starts a 15 with [`PostgresOptions::default`].
    ///
    /// # Panics
    /// If it cannot be started; the message holds the end of its log.
    pub fn start() -> Self {
        Self::start_with(&PostgresOptions::default())
    }

    /// Starts a 15 and waits until it answers (two to three seconds).
    ///
    /// # Panics
    /// If it cannot be started; the message holds the end of its log.
    pub fn start_with(options: &PostgresOptions) -> Self {
        Self::start_version(DEBIAN_MAJOR, options)
    }

    /// Starts one of a major version, one of [`Postgres::VERSIONS`].
    ///
    /// # Panics
    /// If it is not installed or cannot be started; the message holds the end of its log.
    pub fn start_version(major: u32, options: &PostgresOptions) -> Self {
        Self::launch(major, |folder, server, port| {
            initialise(folder, &server.join("initdb"), options, port);
        })
    }

    /// Starts a standby of this server, of its version, and waits until it answers: it has all that was committed before, and follows.
    ///
    /// # Panics
    /// If it cannot be started; the message holds the end of its log.
    pub fn start_standby(&self) -> Self {
        Self::launch(self.major, |folder, server, port| {
            let (data, from) = (data(folder), format!("--dbname={}", self.url("postgres")));
            let arguments = [
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                "-D",
                &data,
                &from,
            ];
            run(folder, &as_system_user(&server.join("pg_basebackup"), &arguments));
            append_settings(folder, &PostgresOptions::default(), port);
        })
    }

    /// A server whose data `prepare` makes, by its folder, its programs and its port.
    fn launch(major: u32, prepare: impl FnOnce(&Path, &Path, u16)) -> Self {
        let folder = TempDir::with_prefix("backup-postgres-").expect("a folder under $TMPDIR");
        let port = free_port();
        make_folders(folder.path());
        let server = if rustix::process::geteuid().is_root() {
            reachable_binaries(major, folder.path())
        } else {
            postgres_binaries(major)
        };
        prepare(folder.path(), &server, port);
        let process = WatchedProcess::start(Program {
            name: "postgres",
            arguments: as_system_user(&server.join("postgres"), &["-D", &data(folder.path())]),
            environment: vec![],
            folder: folder.path(),
            // Fast shutdown: sessions are disconnected.
            stop_signal: "INT",
        });
        let postgres = Self {
            major,
            binaries: postgres_binaries(major),
            process,
            folder,
            port,
        };
        postgres.wait_until_ready();
        postgres
    }

    /// A 15 for the whole test binary, for tests that use a database of their own and do not stop it.
    pub fn shared() -> &'static Self {
        Self::shared_version(DEBIAN_MAJOR)
    }

    /// One of a major version for the whole test binary, as [`Postgres::shared`].
    ///
    /// # Panics
    /// If it is none of [`Postgres::VERSIONS`].
    pub fn shared_version(major: u32) -> &'static Self {
        static SHARED: [OnceLock<Postgres>; Postgres::VERSIONS.len()] =
            [const { OnceLock::new() }; Postgres::VERSIONS.len()];
        let place = Self::VERSIONS.iter().position(|version| *version == major);
        let place = place.unwrap_or_else(|| panic!("there is no PostgreSQL {major}"));
        SHARED[place].get_or_init(|| Self::start_version(major, &PostgresOptions::default()))
    }

    /// Its major version, as 15.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Folder of the client programs of its own version.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// Port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Folder of the unix socket, as libpq's `host` or `PGHOST`.
    pub fn socket_folder(&self) -> String {
        socket(self.folder.path())
    }

    /// Process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// `postgres://…` of a database, with user and escaped password.
    pub fn url(&self, database: &str) -> String {
        let password: String = Self::PASSWORD.bytes().map(escape).collect();
        format!(
            "postgres://{}:{password}@127.0.0.1:{}/{database}",
            Self::USER,
            self.port
        )
    }

    /// libpq's environment variables for this server: `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("PGHOST", "127.0.0.1".to_owned()),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", Self::USER.to_owned()),
            ("PGPASSWORD", Self::PASSWORD.to_owned()),
        ]
    }

    /// Runs a script through `psql` (its `\` commands work) and returns what it printed: unaligned, tuples only, fields
    /// separated by `|`, without the last line end.
    ///
    /// # Panics
    /// If a statement fails, with the server's message.
    pub fn psql(&self, database: &str, script: &str) -> String {
        let output = self.try_psql(database, script);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql on {database} failed: {errors}");
        String::from_utf8_lossy(&output.stdout)
            .trim_end_matches('\n')
            .to_owned()
    }

    /// Like [`Postgres::psql`], for a script that may fail: returns exit status and both outputs.
    ///
    /// # Panics
    /// If `psql` itself cannot be run.
    pub fn try_psql(&self, database: &str, script: &str) -> Output {
        let mut psql = Command::new(self.binaries.join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                database,
                "-f",
                "-",
            ])
            .envs(self.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql is installed: run scripts/install.sh");
        let mut stdin = psql.stdin.take().expect("stdin is piped");
        std::thread::scope(|scope| {
            // A script that fails early is not read to its end; the exit status tells.
            scope.spawn(move || drop(stdin.write_all(script.as_bytes())));
            psql.wait_with_output().expect("psql can be waited for")
        })
    }

    /// The last lines of what it logged.
    pub fn log(&self) -> String {
        self.process.log_tail()
    }

    /// Stops the server (fast shutdown, with a checkpoint) and keeps its data. Idempotent.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// `kill -9` of all its processes at once, as in a power cut; the data stays. Idempotent.
    pub fn kill(&mut self) {
        self.process.end("KILL");
    }

    /// Starts it again on the same port and data.
    ///
    /// # Panics
    /// If it is not ready within a minute.
    pub fn start_again(&mut self) {
        self.process.start_again();
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        self.process
            .wait_until(|| self.try_psql("postgres", "SELECT 1").status.success());
    }
}

fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

fn data(folder: &Path) -> String {
    folder.join("data").display().to_string()
}

fn socket(folder: &Path) -> String {
    folder.join("socket").display().to_string()
}

/// `setpriv` changes the user and becomes the program: the process id that the watchdog knows is the server's.
fn as_system_user(program: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = vec![];
    if rustix::process::geteuid().is_root() {
        let group = format!("--regid={SYSTEM_USER}");
        command.extend(["setpriv", &format!("--reuid={SYSTEM_USER}"), &group, "--init-groups"].map(str::to_owned));
    }
    command.push(program.display().to_string());
    command.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    command
}

fn initialise(folder: &Path, initdb: &Path, options: &PostgresOptions, port: u16) {
    let password_file = folder.join("password");
    std::fs::write(&password_file, Postgres::PASSWORD).expect("a password file");
    let password = format!("--pwfile={}", password_file.display());
    let data = data(folder);
    let access = ["--no-sync", "-U", Postgres::USER, "-A", "scram-sha-256", &password];
    let arguments = [&access[..], &["-E", "UTF8", "--locale=C.UTF-8", "-D", &data]].concat();
    run(folder, &as_system_user(initdb, &arguments));
    std::fs::remove_file(&password_file).expect("the password file can be removed");
    append_settings(folder, options, port);
}

/// The server's user must reach its own two folders, and sees nothing of the rest.
fn make_folders(folder: &Path) {
    run(folder, &["chmod", "0711", "."].map(str::to_owned));
    for name in ["data", "socket"] {
        let mut command = ["install", "-d", "-m", "0700"].map(str::to_owned).to_vec();
        if rustix::process::geteuid().is_root() {
            command.extend(["-o", SYSTEM_USER].map(str::to_owned));
        }
        command.push(name.to_owned());
        run(folder, &command);
    }
}

fn append_settings(folder: &Path, options: &PostgresOptions, port: u16) {
    let mut lines = format!(
        "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n",
        socket(folder)
    );
    if !options.fsync {
        lines.push_str("fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n");
    }
    for (name, value) in &options.settings {
        lines.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
    }
    let path = folder.join("data/postgresql.conf");
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(path)
        .expect("postgresql.conf");
    file.write_all(lines.as_bytes())
        .expect("postgresql.conf can be written");
}

fn run(folder: &Path, command: &[String]) {
    let output = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(folder)
        .output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {}: {error}", command.join(" ")));
    assert!(
        output.status.success(),
        "{} failed: {}",
        command.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
}

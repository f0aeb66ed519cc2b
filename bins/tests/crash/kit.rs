//! Programs, servers and stores for these tests.

use backup_core::clock::{Clock, SystemClock};
use backup_tests::{FaultProxy, Minio, Postgres, load_big_table};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

pub(crate) const DATABASE: &str = "crash_small";
pub(crate) const LARGE: &str = "crash_large";

/// The shared server with a small database, and one whose sealed dump takes several parts.
pub(crate) fn server() -> &'static Postgres {
    static SERVER: OnceLock<&'static Postgres> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = Postgres::shared();
        load_big_table(server, DATABASE, 100_000);
        server.psql("postgres", &format!("CREATE DATABASE {LARGE} TEMPLATE template0"));
        server.psql(
            LARGE,
            "CREATE TABLE noise AS SELECT n, sha512(n::text::bytea) || sha512((-n)::text::bytea) AS bytes FROM generate_series(1, 100000) n",
        );
        server
    })
}

/// Where backups go, how to get there, and the key.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) url: String,
    endpoint: Option<String>,
}

impl Place {
    /// A folder of this machine.
    pub(crate) fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().join("store").display());
        Self::with(folder, url, None)
    }

    /// A bucket of its own on the shared MinIO, behind `proxy`.
    pub(crate) fn bucket(proxy: &FaultProxy) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("crash-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Minio::shared().create_bucket(&name);
        Self::with(
            tempfile::tempdir().unwrap(),
            format!("s3://{name}/postgres"),
            Some(proxy.endpoint()),
        )
    }

    fn with(folder: TempDir, url: String, endpoint: Option<String>) -> Self {
        let place = Self { folder, url, endpoint };
        let made = Command::new(env!("CARGO_BIN_EXE_backup-admin"))
            .args(["keys", "new", "--out"])
            .arg(place.key_file())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        place
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("backup.key")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// `backup-postgres` with nothing but what these tests give it.
    pub(crate) fn program(&self, server: &Postgres, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_backup-postgres"), server, arguments)
    }

    fn command(&self, program: &str, server: &Postgres, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("BACKUP_STORE", &self.url)
            // The smallest parts that S3 allows.
            .env("BACKUP_MEMORY", "24MiB")
            .env("BACKUP_KEY_FILE", self.key_file())
            .env("AWS_ACCESS_KEY_ID", Minio::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", Minio::SECRET_KEY)
            .env("AWS_REGION", Minio::REGION)
            .envs(server.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(endpoint) = &self.endpoint {
            command.env("AWS_ENDPOINT_URL", endpoint);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.program(server(), arguments).output().unwrap())
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.program(server(), arguments).spawn().unwrap()
    }

    /// Breaks the lease of a run that was killed.
    pub(crate) fn unlock(&self) {
        let arguments = ["unlock", "postgres.dump", "--confirm", "postgres.dump"];
        let mut command = self.command(env!("CARGO_BIN_EXE_backup-admin"), server(), &arguments);
        let ended = Ended::of(command.output().unwrap());
        assert!([0, 9].contains(&ended.code), "{ended:?}");
    }

    /// The backups that `list` shows: id and state, newest first.
    pub(crate) fn listed(&self) -> Vec<(String, String)> {
        let ended = self.run(&["list", "--json"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        let shown: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let backups = shown["backups"].as_array().unwrap();
        backups
            .iter()
            .map(|backup| (text(&backup["id"]), text(&backup["state"])))
            .collect()
    }

    /// Everything that `list` shows is complete and verifies.
    pub(crate) fn demand_whole(&self, what: &str) -> usize {
        let listed = self.listed();
        assert!(
            listed.iter().all(|(_, state)| state == "COMPLETE"),
            "{what}: {listed:?}"
        );
        if !listed.is_empty() {
            let verified = self.run(&["verify", "--all", "--no-evidence"]);
            assert_eq!(verified.code, 0, "{what}: {verified:?}");
        }
        listed.len()
    }

    /// Every file of the store, relative, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.store(), &mut |path| {
            found.push(path.strip_prefix(self.store()).unwrap().display().to_string());
        });
        found.sort();
        found
    }

    /// Makes everything in the folder a day and an hour older.
    pub(crate) fn age(&self) {
        walk(&self.store(), &mut |path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::from(SystemClock.now()) - Duration::from_secs(25 * 3600))
                .unwrap();
        });
    }
}

/// Files come and go while a program works on them.
pub(crate) fn walk(folder: &Path, see: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, see) } else { see(&path) }
    }
}

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(
            words.iter().all(|word| self.stderr.contains(word)),
            "{words:?} in {self:?}"
        );
    }
}

//! Programs, servers and stores for these tests.

use backup_core::clock::{Clock, SystemClock};
use backup_tests::{FaultProxy, Minio, Postgres, Vault, load_big_table};
use serde_json::json;
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

/// The shared Vault. Its sealed snapshot takes three parts, and waits for its proof in a file.
pub(crate) fn vault() -> &'static Vault {
    static VAULT: OnceLock<Vault> = OnceLock::new();
    VAULT.get_or_init(|| {
        let vault = Vault::ready();
        vault.write("sys/mounts/secret", &json!({ "type": "kv" }));
        for number in 0..14 {
            // What is stored of it is encrypted, so it stays as long.
            vault.write(&format!("secret/{number}"), &json!({ "value": "x".repeat(800_000) }));
        }
        vault.policy(
            "vault-snapshot",
            r#"path "sys/storage/raft/snapshot" { capabilities = ["read"] }"#,
        );
        vault
    })
}

/// A server, and the program that backs it up.
pub(crate) struct Job {
    program: &'static str,
    /// What its lease is for.
    target: &'static str,
    environment: Vec<(&'static str, String)>,
}

impl Job {
    pub(crate) fn postgres(server: &Postgres) -> Self {
        Self {
            program: env!("CARGO_BIN_EXE_backup-postgres"),
            target: "postgres.dump",
            environment: server.environment().to_vec(),
        }
    }

    pub(crate) fn vault(server: &Vault) -> Self {
        let token = server.token(&["vault-snapshot"], json!({ "period": "768h", "no_parent": true }));
        Self {
            program: env!("CARGO_BIN_EXE_backup-vault"),
            target: "vault.raft",
            environment: vec![("VAULT_ADDR", server.address()), ("VAULT_TOKEN", token)],
        }
    }
}

/// A job, where its backups go, how to get there, and the key.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) url: String,
    endpoint: Option<String>,
    job: Job,
}

impl Place {
    /// A folder of this machine.
    pub(crate) fn folder(job: Job) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().join("store").display());
        Self::with(folder, url, None, job)
    }

    /// A bucket of its own on the shared MinIO, behind `proxy`.
    pub(crate) fn bucket(proxy: &FaultProxy, job: Job) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("crash-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Minio::shared().create_bucket(&name);
        let url = format!("s3://{name}/backups");
        Self::with(tempfile::tempdir().unwrap(), url, Some(proxy.endpoint()), job)
    }

    fn with(folder: TempDir, url: String, endpoint: Option<String>, job: Job) -> Self {
        let place = Self {
            folder,
            url,
            endpoint,
            job,
        };
        fs::create_dir(place.temporary()).unwrap();
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

    /// The folder for temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// The program of the job with nothing but what these tests give it.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        self.command(self.job.program, arguments)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("TMPDIR", self.temporary())
            .env("BACKUP_STORE", &self.url)
            // The smallest parts that S3 allows.
            .env("BACKUP_MEMORY", "24MiB")
            .env("BACKUP_KEY_FILE", self.key_file())
            .env("AWS_ACCESS_KEY_ID", Minio::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", Minio::SECRET_KEY)
            .env("AWS_REGION", Minio::REGION)
            .envs(self.job.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(endpoint) = &self.endpoint {
            command.env("AWS_ENDPOINT_URL", endpoint);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.program(arguments).output().unwrap())
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.program(arguments).spawn().unwrap()
    }

    /// Breaks the lease of a run that was killed.
    pub(crate) fn unlock(&self) {
        let target = self.job.target;
        let arguments = ["unlock", target, "--confirm", target];
        let mut command = self.command(env!("CARGO_BIN_EXE_backup-admin"), &arguments);
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

    /// Nothing stays where the program keeps what it is not sure of yet.
    pub(crate) fn demand_empty_temporary(&self, what: &str) {
        let mut left = Vec::new();
        walk(&self.temporary(), &mut |path| left.push(path.display().to_string()));
        assert!(left.is_empty(), "{what}: {left:?}");
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

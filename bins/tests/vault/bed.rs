//! One test's place: a store in a folder of its own, a key file of its own, and programs that see nothing of this process's environment.

use crate::fake::{FakeVault, TOKEN};
use backup_core::{
    clock::SystemEntropy,
    store::{Key, ListDepth, ListEntry, Store, StoreConfig, connect, from_environment},
};
use backup_tests::Minio;
pub(crate) use backup_tests::ProgramOutput as Output;
use futures::TryStreamExt;
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::JoinHandle,
};
use tempfile::TempDir;

/// A whole snapshot, written by Go's encoders as Vault uses them: 1,707 bytes, 202 keys, raft index 205, 3 of 5 shares.
pub(crate) fn golden() -> Vec<u8> {
    let file = "../backup-vault/src/snapshot/tests/golden/go-deflated.snap";
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

pub(crate) struct Bed {
    variables: Vec<(String, String)>,
    folder: TempDir,
}

impl Bed {
    /// Without a server.
    pub(crate) fn new() -> Self {
        let mut bed = Self {
            variables: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        bed.set("BACKUP_STORE", &format!("file://{}", bed.path("store")));
        bed.set("BACKUP_DEADLINE", "5s");
        bed.set("TMPDIR", &bed.path(""));
        let key = bed.path("backup.key");
        bed.run_program(env!("CARGO_BIN_EXE_backup-admin"), &["keys", "new", "--out", &key], b"")
            .succeeds();
        bed.set("BACKUP_KEY_FILE", &key);
        bed
    }

    pub(crate) fn on(vault: &FakeVault) -> Self {
        let mut bed = Self::new();
        bed.set("VAULT_ADDR", &vault.address());
        bed.set("VAULT_TOKEN", TOKEN);
        bed
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Backups go into a bucket of their own on the shared MinIO, reached at `endpoint`.
    pub(crate) fn store_in_minio(&mut self, bucket: &str, endpoint: &str) {
        Minio::shared().create_bucket(bucket);
        self.set("BACKUP_STORE", &format!("s3://{bucket}/raft"));
        self.set("AWS_ENDPOINT_URL", endpoint);
        self.set("AWS_ACCESS_KEY_ID", Minio::ACCESS_KEY);
        self.set("AWS_SECRET_ACCESS_KEY", Minio::SECRET_KEY);
        self.set("AWS_REGION", Minio::REGION);
    }

    /// That bucket, without the program.
    pub(crate) fn bucket(&self) -> Arc<dyn Store> {
        let (_, url) = self.variables.iter().find(|(name, _)| name == "BACKUP_STORE").unwrap();
        let mut config = StoreConfig::new(url);
        let aws = self.variables.iter().filter(|(name, _)| name.starts_with("AWS_"));
        config.options = from_environment(aws.cloned()).unwrap();
        connect(&config, Arc::new(SystemEntropy)).unwrap()
    }

    /// All keys of that bucket.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let store = self.bucket();
        let entries = store.list(&Key::root(), ListDepth::Flat).map_ok(|entry| match entry {
            ListEntry::Object(meta) => meta.key.to_string(),
            ListEntry::Folder(folder) => folder.to_string(),
        });
        entries.try_collect().await.unwrap()
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(other, _)| other != name);
    }

    /// A path in the test's own folder.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = PathBuf::from(self.path(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A pipe with a name through which `bytes` come once, and who writes them.
    pub(crate) fn pipe(&self, name: &str, bytes: Vec<u8>) -> (String, JoinHandle<io::Result<()>>) {
        let path = self.path(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        let writer = std::thread::spawn({
            let path = path.clone();
            move || fs::write(path, bytes)
        });
        (path, writer)
    }

    /// Every file of the test, with its content.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut found, mut folders) = (Vec::new(), vec![self.folder.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push((path.clone(), fs::read(&path).unwrap()));
                }
            }
        }
        found.sort();
        found
    }

    /// Names of the files in the store that are data.
    pub(crate) fn data(&self) -> Vec<String> {
        let root = self.path("store");
        let files = self.files().into_iter().filter_map(|(path, _)| {
            let key = path.strip_prefix(&root).ok()?.to_str().unwrap().to_owned();
            (!key.starts_with("_pbe/")).then_some(key)
        });
        files.collect()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, b"")
    }

    /// With `input` on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Output {
        self.run_program(env!("CARGO_BIN_EXE_backup-vault"), arguments, input)
    }

    fn run_program(&self, program: &str, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.spawn(program, arguments);
        // A program that does not read its input closes it.
        child.stdin.take().unwrap().write_all(input).unwrap_or_default();
        Output::of(child.wait_with_output().unwrap())
    }

    /// Does not wait for its end.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.spawn(env!("CARGO_BIN_EXE_backup-vault"), arguments)
    }

    fn spawn(&self, program: &str, arguments: &[&str]) -> Child {
        Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().cloned())
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs `backup-postgres` on the same store.
    pub(crate) fn postgres(&self, arguments: &[&str]) -> Output {
        self.run_program(env!("CARGO_BIN_EXE_backup-postgres"), arguments, b"")
    }

    /// Breaks the lease of a run that was killed.
    pub(crate) fn unlock(&self) {
        let line = ["unlock", "vault.raft", "--confirm", "vault.raft"];
        self.run_program(env!("CARGO_BIN_EXE_backup-admin"), &line, b"")
            .succeeds();
    }

    /// Takes a snapshot and returns its id.
    #[track_caller]
    pub(crate) fn snapshot(&self) -> String {
        let json = self.run(&["--json"]).succeeds().json();
        json["id"].as_str().unwrap().to_owned()
    }
}

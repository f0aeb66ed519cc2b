//! One test's place: a store of its own, a key file of its own, and programs that see nothing of this process's environment.

use crate::store::{Look, look};
use backup_tests::{Minio, Postgres, SeededData, Weed};

pub(crate) use backup_tests::ProgramOutput as Output;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
};
use tempfile::TempDir;

/// A server with the eight databases of the platform, which no test changes.
pub(crate) fn platform() -> &'static Postgres {
    static LOADED: Once = Once::new();
    LOADED.call_once(|| SeededData::small().load(Postgres::shared()));
    Postgres::shared()
}

/// A small database of the test's own on the shared server.
pub(crate) fn database(name: &str) -> &'static Postgres {
    let server = Postgres::shared();
    server.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
    server.psql(name, CONTENT);
    server
}

const CONTENT: &str = "
    CREATE TABLE accounts (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, note text);
    INSERT INTO accounts (name, note) SELECT 'account ' || n, md5(n::text) FROM generate_series(1, 500) n;
    CREATE TABLE entries (id serial PRIMARY KEY, account int REFERENCES accounts, amount numeric CHECK (amount <> 0));
    INSERT INTO entries (account, amount) SELECT 1 + n % 500, n FROM generate_series(1, 900) n;
    CREATE VIEW rich AS SELECT name FROM accounts;
";

pub(crate) struct Bed {
    pub(crate) store: String,
    /// The variables of every program that is run.
    pub(crate) variables: Vec<(String, String)>,
    folder: TempDir,
}

impl Bed {
    /// A bucket of its own on MinIO, a fresh key, the shared server.
    pub(crate) fn minio() -> Self {
        let (server, bucket) = (Minio::shared(), fresh_name());
        server.create_bucket(&bucket);
        let secret = (Minio::ACCESS_KEY, Minio::SECRET_KEY);
        Self::s3(&format!("s3://{bucket}/postgres"), &server.endpoint(), secret)
    }

    /// A bucket of its own on SeaweedFS, a fresh key, the shared server.
    pub(crate) fn weed() -> Self {
        let (server, bucket) = (Weed::shared(), fresh_name());
        server.create_bucket(&bucket);
        let secret = (Weed::ACCESS_KEY, Weed::SECRET_KEY);
        Self::s3(&format!("s3://{bucket}/postgres"), &server.endpoint(), secret)
    }

    /// A folder of its own, a fresh key, the shared server.
    pub(crate) fn folder() -> Self {
        let mut bed = Self::on(String::new());
        bed.store = format!("file://{}", bed.path("store"));
        bed.set("BACKUP_STORE", &bed.store.clone());
        bed
    }

    pub(crate) fn s3(store: &str, endpoint: &str, (user, secret): (&str, &str)) -> Self {
        let mut bed = Self::on(store.to_owned());
        bed.set("AWS_ENDPOINT_URL", endpoint);
        bed.set("AWS_ACCESS_KEY_ID", user);
        bed.set("AWS_SECRET_ACCESS_KEY", secret);
        bed.set("AWS_REGION", "us-east-1");
        bed
    }

    fn on(store: String) -> Self {
        let mut bed = Self {
            variables: vec![("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())],
            folder: tempfile::tempdir().unwrap(),
            store,
        };
        bed.set("BACKUP_STORE", &bed.store.clone());
        bed.server(Postgres::shared());
        let key = bed.new_key("backup.key");
        bed.set("BACKUP_KEY_FILE", &key);
        bed
    }

    /// Sets a variable for all programs from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(other, _)| other != name);
    }

    /// Works on this server from now on.
    pub(crate) fn server(&mut self, server: &Postgres) {
        self.set("PGHOST", "127.0.0.1");
        self.set("PGPORT", &server.port().to_string());
        self.set("PGUSER", Postgres::USER);
        self.set("POSTGRES_PASSWORD", Postgres::PASSWORD);
    }

    /// A path in the test's own folder.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.path("backup.key").into()
    }

    /// Makes a key file and returns its path.
    pub(crate) fn new_key(&self, name: &str) -> String {
        let file = self.path(name);
        self.admin(&["keys", "new", "--out", &file]).succeeds();
        file
    }

    pub(crate) fn look(&self) -> Look {
        look(&self.store, &self.variables)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_backup-postgres"), arguments)
    }

    fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().cloned())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs `backup-postgres`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Output::of(self.command(arguments).output().unwrap())
    }

    /// Runs `backup-admin`.
    pub(crate) fn admin(&self, arguments: &[&str]) -> Output {
        Output::of(self.admin_command(arguments).output().unwrap())
    }

    pub(crate) fn admin_command(&self, arguments: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_backup-admin"), arguments)
    }

    /// Writes what is opened of an object into a file.
    #[track_caller]
    pub(crate) fn save(&self, key: &str, file: &str) {
        let output = self.admin_command(&["cat", key]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::write(file, output.stdout).unwrap();
    }

    /// Starts `backup-postgres` and does not wait.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Backs up one database and returns the id of the backup.
    #[track_caller]
    pub(crate) fn dump(&self, database: &str) -> String {
        self.run(&["dump", "--json", "--database", database]).succeeds().id()
    }

    /// Key files one after the other, as after a rotation.
    pub(crate) fn join_keys(&self, name: &str, parts: &[&str]) -> String {
        let text: String = parts.iter().map(|part| fs::read_to_string(part).unwrap()).collect();
        let file = self.path(name);
        write_private(Path::new(&file), &text);
        file
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

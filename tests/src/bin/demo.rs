//! `make demo`: the main job from end to end on throw-away servers.
//!
//! Eight databases are backed up to S3 (or to the folder `STORE`), listed and verified; one is destroyed, restored, and compared with what it was.

use backup_tests::{Minio, Postgres, PostgresOptions, SeededData, fingerprint};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

const LOST: &str = "platform_money";

fn main() -> ExitCode {
    let demo = Demo::start();
    demo.step("Back up the eight databases", &["backup-postgres"]);
    demo.step("What is there?", &["backup-postgres", "list"]);
    demo.step("Read every byte back, open it, and let pg_restore walk it", &["backup-postgres", "verify", "latest", "--depth", "content"]);
    let before = demo.timed("Take a fingerprint of platform_money", || fingerprint(&demo.postgres, LOST));
    demo.timed("Disaster: DROP DATABASE platform_money", || demo.postgres.psql("postgres", &format!("DROP DATABASE {LOST}")));
    demo.step("Restore it", &["backup-postgres", "restore", LOST, "--create", "--confirm", LOST]);
    let after = demo.timed("Take the fingerprint again", || fingerprint(&demo.postgres, LOST));
    if before != after {
        say("FAILED: the restored database differs from what was there");
        return ExitCode::FAILURE;
    }
    say(&format!("\nplatform_money is what it was: fingerprint {}", after.lines().last().unwrap_or_default()));
    say(&format!("all done in {:.1} s; the servers stop and their folders go", demo.begun.elapsed().as_secs_f64()));
    ExitCode::SUCCESS
}

struct Demo {
    begun: Instant,
    postgres: Postgres,
    minio: Option<Minio>,
    store: String,
    keys: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let begun = Instant::now();
        let folder = std::env::args().nth(1);
        let minio = folder.is_none().then(|| {
            say("\n--> Start an S3 server (MinIO)");
            let server = Minio::start();
            server.create_bucket("platform-backups");
            server
        });
        let store = folder.map_or_else(|| "s3://platform-backups/postgres".to_owned(), |folder| format!("file://{}", absolute(&folder).display()));
        say("\n--> Start PostgreSQL and fill eight databases");
        let postgres = Postgres::start_with(&PostgresOptions::default());
        SeededData::demo().load(&postgres);
        let size = postgres.psql("postgres", "SELECT pg_size_pretty(sum(pg_database_size(datname))) FROM pg_database WHERE datname LIKE 'platform%'");
        say(&format!("    {size} in eight databases, {:.1} s", begun.elapsed().as_secs_f64()));
        let keys = tempfile::tempdir().expect("a folder under $TMPDIR");
        let demo = Self { begun, postgres, minio, store, keys };
        demo.step("Make a key file", &["backup-admin", "keys", "new", "--out", &demo.key_file().display().to_string()]);
        demo
    }

    /// Runs one of the programs as an operator would, showing what it prints.
    fn step(&self, what: &str, words: &[&str]) {
        say(&format!("\n--> {what}\n    $ {}", words.join(" ")));
        let begun = Instant::now();
        let status = self.command(words).status().expect("the program is built beside this one");
        assert!(status.success(), "{} ended with {status}", words.join(" "));
        say(&format!("    {:.1} s", begun.elapsed().as_secs_f64()));
    }

    fn timed<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        say(&format!("\n--> {what}\n    {:.1} s", begun.elapsed().as_secs_f64()));
        result
    }

    fn command(&self, words: &[&str]) -> Command {
        let here = std::env::current_exe().expect("path of this program");
        let mut command = Command::new(here.with_file_name(words[0]));
        command.args(&words[1..]).envs(self.postgres.environment()).env("POSTGRES_PASSWORD", Postgres::PASSWORD).env_remove("PGPASSWORD");
        command.env("BACKUP_STORE", &self.store).env("BACKUP_KEY_FILE", self.key_file());
        if let Some(minio) = &self.minio {
            command.env("AWS_ENDPOINT_URL", minio.endpoint()).env("AWS_REGION", Minio::REGION);
            command.env("AWS_ACCESS_KEY_ID", Minio::ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", Minio::SECRET_KEY);
        }
        command
    }

    fn key_file(&self) -> PathBuf {
        self.keys.path().join("backup.key")
    }
}

fn absolute(folder: &str) -> PathBuf {
    std::path::absolute(Path::new(folder)).expect("a path")
}

fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").expect("standard output");
}

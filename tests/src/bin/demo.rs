//! `make demo`: the main job from end to end, on throw-away servers.
//!
//! Eight filled databases are backed up, listed and verified; one is dropped, restored, and compared with what was there.
//! `STORE=/some/folder` keeps the backup in a local folder instead of a throw-away S3 server.
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::ffi::OsString;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use backup_tests::{Minio, Postgres, SeededData, fingerprint};

const VICTIM: &str = "platform_money";

fn main() -> Result<()> {
    let start = Instant::now();
    let scratch = tempfile::tempdir()?;
    let postgres = step("start PostgreSQL", Postgres::start);
    step("fill eight databases with 200 MB", || {
        SeededData::demo().load(&postgres)
    });
    let store = step("start the store", Store::open);
    let programs = Programs {
        environment: environment(&postgres, &store, &scratch.path().join("backup.key")),
    };

    programs.run(
        "backup-admin",
        &[
            "keys",
            "new",
            "--out",
            &scratch.path().join("backup.key").display().to_string(),
        ],
    )?;
    programs.run("backup-postgres", &[])?;
    programs.run("backup-postgres", &["list"])?;
    programs.run("backup-postgres", &["verify", "latest"])?;
    let before = step("take a fingerprint of platform_money", || {
        fingerprint(&postgres, VICTIM)
    });
    step("drop platform_money", || {
        postgres.psql("postgres", &format!("DROP DATABASE {VICTIM}"))
    });
    programs.run("backup-postgres", &["restore", VICTIM, "--create", "--confirm", VICTIM])?;
    let after = step("compare platform_money with what was there", || {
        fingerprint(&postgres, VICTIM)
    });
    if before != after {
        return Err(Error::other(format!(
            "{VICTIM} differs:\nbefore\n{before}\nafter\n{after}"
        )));
    }
    println!(
        "\nequal: {} objects, {:.1} s in all",
        before.lines().count(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn step<T>(what: &str, work: impl FnOnce() -> T) -> T {
    println!("\n== {what}");
    let start = Instant::now();
    let result = work();
    println!("   {:.1} s", start.elapsed().as_secs_f64());
    result
}

/// Where the backups go.
enum Store {
    S3(Box<Minio>),
    Folder(PathBuf),
}

impl Store {
    fn open() -> Self {
        match std::env::var_os("STORE").filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::Folder(folder.into()),
            None => {
                let minio = Minio::start();
                minio.create_bucket("platform-backups");
                Self::S3(Box::new(minio))
            }
        }
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        match self {
            Self::Folder(folder) => vec![("BACKUP_STORE", format!("file://{}", folder.display()).into())],
            Self::S3(minio) => vec![
                ("BACKUP_STORE", "s3://platform-backups/postgres".into()),
                ("AWS_ENDPOINT_URL", minio.endpoint().into()),
                ("AWS_ACCESS_KEY_ID", Minio::ACCESS_KEY.into()),
                ("AWS_SECRET_ACCESS_KEY", Minio::SECRET_KEY.into()),
                ("AWS_REGION", Minio::REGION.into()),
            ],
        }
    }
}

fn environment(postgres: &Postgres, store: &Store, key_file: &Path) -> Vec<(&'static str, OsString)> {
    let mut environment = store.environment();
    environment.extend(postgres.environment().map(|(name, value)| (name, value.into())));
    environment.push(("BACKUP_KEY_FILE", key_file.into()));
    environment
}

/// The programs that are shown, built beside this one.
struct Programs {
    environment: Vec<(&'static str, OsString)>,
}

impl Programs {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let path = std::env::current_exe()?.with_file_name(program);
        let line = format!("{program} {}", arguments.join(" "));
        let mut command = Command::new(path);
        command
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let status = step(&line, || command.status())?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::other(format!("{line}: {status}")))
        }
    }
}

//! Secrets of all programs: who may read their files, what is never repeated, and what is left when a program is killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod core_dumps;
mod kubernetes;
mod repeated;

use std::{path::Path, process::Command};

/// Every program of the suite.
const PROGRAMS: [&str; 3] = [
    env!("CARGO_BIN_EXE_backup-admin"),
    env!("CARGO_BIN_EXE_backup-postgres"),
    env!("CARGO_BIN_EXE_backup-vault"),
];

/// `program` with nothing in its environment.
fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env_clear();
    command
}

/// All that it printed, and how it ended.
fn ended(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text.into_owned())
}

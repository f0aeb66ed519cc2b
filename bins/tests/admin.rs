//! `backup-admin` as a process: output, exit codes, and a configuration that its user may not read.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_backup-admin");

fn admin(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear();
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn succeeded(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

/// A copy of the program in a folder that everyone may enter, because the build folder may be closed to other users.
fn as_nobody(folder: &TempDir) -> Command {
    let copy = path(folder, "backup-admin");
    backup_tests::copy_program(PROGRAM, &copy);
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"])
        .arg(copy)
        .env_remove("BACKUP_CONFIG");
    command
}

#[test]
fn a_new_key_file_can_be_checked_and_shown_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "backup.key");
    let made = admin(&["keys", "new", "--out", &file]).output().unwrap();
    let shown = succeeded(&made);
    let secrets: Vec<_> = fs::read_to_string(&file)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let everything = shown.clone() + &text(&made.stderr);
    assert!(
        secrets
            .iter()
            .filter(|line| !line.is_empty())
            .all(|line| !everything.contains(line.as_str()))
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);

    assert_eq!(succeeded(&admin(&["keys", "show", &file]).output().unwrap()), shown);
    let check = succeeded(&admin(&["keys", "check", &file]).output().unwrap());
    let check = check
        .lines()
        .take(3)
        .map(|line| line.to_owned() + "\n")
        .collect::<String>();
    assert_eq!(check, "can seal new backups\ncan open backups\ncan sign manifests\n");

    let again = admin(&["keys", "new", "--out", &file]).output().unwrap();
    assert_eq!(again.status.code(), Some(11));
    assert!(
        text(&again.stderr).starts_with(&format!("error: {file} exists\nHINT: ")),
        "{}",
        text(&again.stderr)
    );
}

#[test]
fn a_recovery_key_prints_its_public_half_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "recovery.key");
    let public = succeeded(&admin(&["keys", "recovery-new", "--out", &file]).output().unwrap());
    assert!(
        public.starts_with("pbe1:recovery:") && public.lines().count() == 1,
        "{public}"
    );
    let json = succeeded(&admin(&["--json", "keys", "show", &file]).output().unwrap());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["keys"][0]["kind"], "recovery-secret");
    assert_eq!(json["keys"][0]["public"], public.trim_end());
}

#[test]
fn a_key_file_that_others_may_read_ends_with_3_and_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "backup.key");
    succeeded(&admin(&["keys", "new", "--out", &file]).output().unwrap());
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let output = admin(&["keys", "check", &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).contains(&format!("HINT: chmod 600 {file}")),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_damaged_key_file_ends_with_13() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "backup.key");
    fs::write(&file, "pbe1:kek:00:00\n").unwrap();
    assert_eq!(
        admin(&["keys", "check", &file]).output().unwrap().status.code(),
        Some(13)
    );
}

#[test]
fn an_unreadable_configuration_ends_with_3_and_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "config.toml");
    fs::write(&file, "jobs = 2\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let output = as_nobody(&folder)
        .args(["--config", &file, "show-config"])
        .output()
        .unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.starts_with(&format!("error: read configuration file {file}: Permission denied")),
        "{stderr}"
    );
    assert!(stderr.contains("\nHINT: "), "{stderr}");
}

#[test]
fn an_unreadable_key_file_ends_with_3_and_names_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "backup.key");
    succeeded(&admin(&["keys", "new", "--out", &file]).output().unwrap());
    let output = as_nobody(&folder).args(["keys", "check", &file]).output().unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("HINT: it belongs to user 0 and has mode 0600"),
        "{stderr}"
    );
}

#[test]
fn show_config_masks_secrets_and_names_origins() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "config.toml");
    fs::write(&file, "jobs = 2\n").unwrap();
    let mut command = admin(&["show-config", "--config", &file, "--memory", "64MiB"]);
    let output = command
        .env("POSTGRES_PASSWORD", "geheim-47")
        .env("AWS_SECRET_ACCESS_KEY", "geheim-48")
        .output()
        .unwrap();
    let shown = succeeded(&output);
    assert!(!(shown.clone() + &text(&output.stderr)).contains("geheim"));
    let line = |start: &str| {
        shown
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    assert_eq!(line("jobs"), ["jobs", "file", &file, "2"]);
    assert_eq!(line("memory"), ["memory", "flag", "--memory", "67108864"]);
    assert_eq!(
        line("postgres.password"),
        ["postgres.password", "environment", "POSTGRES_PASSWORD", "********"]
    );
}

#[test]
fn an_unknown_setting_ends_with_3_and_is_named_in_the_chosen_form() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "config.toml");
    fs::write(&file, "stoer = \"x\"\n").unwrap();
    let output = admin(&["show-config", "--config", &file, "--log-format", "json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let line: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(line["message"], format!("setting 'stoer' in {file}"));
    assert_eq!(line["exit_code"], 3);
}

#[test]
fn wrong_command_lines_end_with_2_and_help_with_0() {
    for arguments in [
        &["--nonsense"][..],
        &["keys"],
        &["frobnicate"],
        &["show-config", "--memory", "much"],
    ] {
        assert_eq!(
            admin(arguments).output().unwrap().status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    let help = succeeded(&admin(&["--help"]).output().unwrap());
    assert!(
        help.contains("Exit codes:") && help.contains(" 13  a key is missing or wrong"),
        "{help}"
    );
    assert!(Path::new(PROGRAM).exists());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let shell = format!("{PROGRAM} show-config | head -n 1; exit ${{PIPESTATUS[0]}}");
    let output = Command::new("bash").args(["-c", &shell]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

//! A secret in the wrong place: no program repeats it, whatever the place.

use super::{PROGRAMS, command, ended};
use backup_bins::config::{
    setting::{Kind, Setting},
    table::SETTINGS,
};
use std::{fs, process::Command};
use tempfile::TempDir;

/// What is planted; each holds the word that must not come out.
const PLANTED: [&str; 4] = [
    "postgres://user:geheim47@host/db",
    "pbe1:kek:geheim47d8d53eabf8b39543dbc408be7c5fd9512b10dd1bca0cbd9b83cd3ad5:00000000",
    "hvs.CAESgeheim47CAESgeheim47",
    "host=h password=geheim47",
];
/// Without any form: a secret only where a path, a number or one of a few words is asked for.
const PLAIN: &str = "geheim47";

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("store")).unwrap();
        Self { folder }
    }

    /// A program with an empty store and nobody to talk to.
    fn program(&self, program: &str) -> Command {
        let store = format!("file://{}", self.folder.path().join("store").display());
        let mut command = command(program);
        command
            .current_dir(self.folder.path())
            .env("PATH", "/usr/bin:/bin")
            .env("BACKUP_STORE", store)
            .env("PGHOST", "/nonexistent")
            .env("VAULT_ADDR", "http://127.0.0.1:9");
        command
    }
}

fn verbs(program: &str) -> &'static [&'static str] {
    match program {
        program if program.ends_with("admin") => &["show-config"],
        _ => &["list"],
    }
}

#[track_caller]
fn silent(command: &mut Command) {
    let (_, text) = ended(command);
    assert!(!text.to_lowercase().contains(PLAIN), "{command:?} printed:\n{text}");
}

fn planted(setting: &Setting) -> impl Iterator<Item = &'static str> {
    let plain = !matches!(setting.kind, Kind::Text | Kind::List | Kind::Sse);
    PLANTED.into_iter().chain(plain.then_some(PLAIN))
}

/// In each variable, and in the variable that names a file in its place.
#[test]
fn no_variable_is_repeated_if_it_holds_a_secret() {
    let place = Place::new();
    for program in PROGRAMS {
        for verb in verbs(program) {
            for setting in SETTINGS {
                for name in setting.env {
                    for secret in planted(setting) {
                        silent(place.program(program).arg(verb).env(name, secret));
                    }
                    for secret in PLANTED.into_iter().chain([PLAIN]).filter(|_| setting.from_file) {
                        silent(place.program(program).arg(verb).env(format!("{name}_FILE"), secret));
                    }
                }
            }
        }
    }
}

#[test]
fn no_option_is_repeated_if_it_holds_a_secret() {
    let place = Place::new();
    for program in PROGRAMS {
        for verb in verbs(program) {
            for (setting, flag) in SETTINGS.iter().filter_map(|setting| Some((setting, setting.flag?))) {
                for secret in planted(setting) {
                    silent(place.program(program).arg(verb).arg(format!("--{flag}={secret}")));
                    silent(
                        place
                            .program(program)
                            .args([verb, format!("--{flag}").as_str(), secret]),
                    );
                }
            }
        }
    }
}

#[test]
fn no_line_of_the_configuration_file_is_repeated_if_it_holds_a_secret() {
    let place = Place::new();
    let file = place.folder.path().join("config.toml");
    for setting in SETTINGS {
        for secret in planted(setting) {
            let (section, key) = setting.section_and_key();
            let section = section.map_or_else(String::new, |section| format!("[{section}]\n"));
            for line in [
                format!("{key} = \"{secret}\""),
                format!("{key}-file = \"{secret}\""),
                format!("{key} = {secret}"),
                format!("\"{secret}\" = 1").replace(PLAIN, "password=geheim47"),
            ] {
                fs::write(&file, format!("{section}{line}\n")).unwrap();
                silent(
                    place
                        .program(PROGRAMS[0])
                        .args(["show-config", "--config", "config.toml"]),
                );
            }
        }
    }
}

#[test]
fn no_word_of_the_command_line_is_repeated_if_it_is_a_secret() {
    let place = Place::new();
    let [admin, postgres, vault] = PROGRAMS;
    for secret in PLANTED {
        for (program, before) in [
            (admin, &["cat"][..]),
            (admin, &["unlock"]),
            (admin, &["keys", "check"]),
            (admin, &["keys", "show"]),
            (admin, &["frobnicate"]),
            (postgres, &["restore"]),
            (postgres, &["restore", "db", "--at"]),
            (postgres, &["restore", "db", "--confirm"]),
            (postgres, &["verify"]),
            (postgres, &["--passwort"]),
            (vault, &["inspect"]),
            (vault, &["restore"]),
            (vault, &["restore", "--verify-token-file"]),
            (vault, &[]),
        ] {
            silent(place.program(program).args(before).arg(secret));
            silent(place.program(program).arg("--json").args(before).arg(secret));
        }
    }
}

#[test]
fn no_address_of_the_store_is_repeated_if_it_holds_a_secret() {
    let place = Place::new();
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"] {
        let mut list = place.program(PROGRAMS[1]);
        silent(
            list.args(["list", "--store", "s3://b/p"])
                .env(name, "http://user:geheim47@127.0.0.1:9"),
        );
    }
}

#[test]
fn a_mistaken_path_is_told_without_its_value_and_with_what_to_do() {
    let place = Place::new();
    let (code, text) = ended(place.program(PROGRAMS[1]).arg("list").env("BACKUP_KEY_FILE", PLAIN));
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("variable BACKUP_KEY_FILE") && text.contains("HINT: it takes the path"),
        "{text}"
    );
}

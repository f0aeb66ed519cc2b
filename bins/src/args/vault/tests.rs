//! The documented command lines of `backup-vault` are understood as documented.

use super::*;
use crate::{
    args::verbs::Depth,
    config::{Config, Environment, Settings, Sources, resolve, table::find},
};
use clap::CommandFactory;

fn vault(line: &str) -> VaultArgs {
    let words = std::iter::once("backup-vault").chain(line.split_whitespace());
    VaultArgs::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Fails as clap does, or when the options are collected.
fn refused(line: &str) -> clap::Error {
    let words = std::iter::once("backup-vault").chain(line.split_whitespace());
    match VaultArgs::try_parse_from(words).and_then(|args| args.settings()) {
        Err(error) => error,
        Ok(_) => panic!("{line}: accepted"),
    }
}

fn settings(line: &str) -> Settings {
    let sources = Sources {
        flags: vault(line).settings().unwrap(),
        environment: Environment::default(),
        default_file: "/nonexistent/config.toml".into(),
    };
    resolve(table::VAULT, &sources).unwrap()
}

fn restore(line: &str) -> RestoreArgs {
    match vault(line).asked() {
        Asked::Restore(args) => args.clone(),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_definition_is_consistent_and_every_setting_is_an_option_of_the_table() {
    VaultArgs::command().debug_assert();
    let groups = [
        Connection::NAMES,
        SnapshotSettings::NAMES,
        RestoreSettings::NAMES,
        VerifySettings::NAMES,
        PruneSettings::NAMES,
    ];
    for name in groups.concat() {
        assert!(find(name).is_some_and(|setting| setting.flag.is_some()), "{name}");
    }
}

#[test]
fn without_a_verb_it_takes_a_snapshot() {
    for line in ["", "--strict --keep-last 3", "snapshot --strict --keep-last 3"] {
        assert!(matches!(vault(line).asked(), Asked::Snapshot), "{line}");
    }
    let config = Config::from_settings(&settings("snapshot --strict --keep-last 3")).unwrap();
    assert_eq!((config.strict, config.keep.last), (true, Some(3)));
}

#[test]
fn options_of_the_server_stand_before_and_after_the_verb() {
    for line in [
        "--address https://v:8200 --auth kubernetes --role r --ca-cert ca.pem check",
        "check --address=https://v:8200 --auth=kubernetes --role=r --ca-cert=ca.pem",
    ] {
        let settings = settings(line);
        assert_eq!(
            settings.need::<String>("vault.addr").unwrap(),
            "https://v:8200",
            "{line}"
        );
        assert_eq!(settings.need::<String>("vault.role").unwrap(), "r", "{line}");
    }
}

#[test]
fn restore_takes_its_documented_forms() {
    let latest = restore("restore --confirm vault-cluster-1");
    assert_eq!((latest.at, latest.from.as_deref()), (None, None));
    assert_eq!(latest.confirm.as_deref(), Some("vault-cluster-1"));
    assert!(!latest.force && !latest.allow_many_peers && !latest.lenient_trailer);
    assert_eq!(latest.wait_unsealed, None);

    let at = restore("restore --at 20260422_170000 --force --allow-many-peers --verify-path secret/platform/iam/");
    assert_eq!(at.at, Some(At::Id("20260422_170000".parse().unwrap())));
    assert!(at.force && at.allow_many_peers);
    assert_eq!(at.verify_path.as_deref(), Some("secret/platform/iam/"));

    for from in ["-", "/tmp/vault-restore.snap", "20260422_170000.snap"] {
        let args = restore(&format!("restore --wait-unsealed {from} --lenient-trailer"));
        assert_eq!(args.from.as_deref(), Some(from));
        assert_eq!(args.wait_unsealed, Some(Duration::from_secs(3600)));
        assert!(args.lenient_trailer);
    }
    let args = restore("restore --wait-unsealed=90s --allow-unauthenticated-origin --dry-run");
    assert_eq!(args.wait_unsealed, Some(Duration::from_secs(90)));
    assert!(args.allow_unauthenticated_origin);
}

#[test]
fn the_other_verbs_take_their_documented_forms() {
    for (line, expected) in [
        ("inspect", "latest"),
        ("inspect 20260422_170000", "20260422_170000"),
        ("inspect -", "-"),
        ("inspect a.snap --lenient-trailer --json", "a.snap"),
    ] {
        let args = vault(line);
        let Asked::Inspect(inspect) = args.asked() else {
            panic!("{line}")
        };
        assert_eq!(inspect.what, expected);
    }
    let args = vault("verify --all --depth objects --no-evidence");
    let Asked::Verify(what) = args.asked() else {
        panic!("verify")
    };
    assert_eq!((what.all, what.depth), (true, Depth::Objects));
    assert!(matches!(vault("list --json").asked(), Asked::List));
    assert!(matches!(
        vault("prune --keep-hourly 3 --dry-run").asked(),
        Asked::Prune(_)
    ));
    assert!(matches!(vault("check").asked(), Asked::Check));
    assert!(matches!(vault("policy").asked(), Asked::Policy));
}

#[test]
fn what_is_not_documented_is_a_usage_error() {
    for line in [
        "--nonsense",
        "save",
        "restore a b",
        "restore a --at latest",
        "restore --at yesterday",
        "restore --wait-unsealed=soon",
        "restore --keep-last 3",
        "--keep-last 3 list",
        "--strict restore",
        "verify --all latest",
        "inspect a b",
        "--auth userpass",
        "--token hvs.geheim",
        "--jobs 2",
    ] {
        assert_eq!(refused(line).exit_code(), 2, "{line}");
    }
}

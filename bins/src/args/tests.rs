//! The documented command lines are understood as documented.

use super::{
    CommandLine,
    admin::{AdminArgs, AdminVerb, KeysVerb},
    flags::{Everywhere, Group},
    postgres::{Asked, CheckSettings, Connection, DumpSettings, PostgresArgs, RestoreSettings, VerifySettings},
    verbs::{At, Depth, PruneSettings},
};
use crate::config::{
    Config, Environment, PostgresConfig, Settings, Sources,
    postgres::Selection,
    resolve,
    table::{POSTGRES, find},
};
use clap::{CommandFactory, Parser};

fn postgres(line: &str) -> PostgresArgs {
    let words = std::iter::once("backup-postgres").chain(line.split_whitespace());
    PostgresArgs::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Fails as clap does, or when the options are collected.
fn refused(line: &str) -> clap::Error {
    let words = std::iter::once("backup-postgres").chain(line.split_whitespace());
    match PostgresArgs::try_parse_from(words).and_then(|args| args.settings()) {
        Err(error) => error,
        Ok(_) => panic!("{line}: accepted"),
    }
}

fn settings(line: &str) -> Settings {
    let flags = postgres(line).settings().unwrap();
    let sources = Sources {
        flags,
        environment: Environment::default(),
        default_file: "/nonexistent/config.toml".into(),
    };
    resolve(POSTGRES, &sources).unwrap()
}

fn databases(line: &str) -> Selection {
    PostgresConfig::from_settings(&settings(line), &Environment::default())
        .unwrap()
        .databases
}

#[test]
fn definitions_are_consistent() {
    PostgresArgs::command().debug_assert();
    AdminArgs::command().debug_assert();
}

#[test]
fn every_setting_that_a_verb_takes_is_an_option_of_the_table() {
    let groups = [
        Everywhere::NAMES,
        Connection::NAMES,
        DumpSettings::NAMES,
        RestoreSettings::NAMES,
        VerifySettings::NAMES,
        PruneSettings::NAMES,
        CheckSettings::NAMES,
    ];
    for name in groups.concat() {
        assert!(find(name).is_some_and(|setting| setting.flag.is_some()), "{name}");
    }
}

#[test]
fn no_secret_is_an_option() {
    assert!(
        crate::config::table::SETTINGS
            .iter()
            .all(|setting| !(setting.is_secret() && setting.flag.is_some()))
    );
}

#[test]
fn without_a_verb_it_dumps_the_eight_databases_and_keeps_30_days() {
    assert!(matches!(postgres("").asked(), Asked::Dump));
    let Selection::Named(names) = databases("") else {
        panic!("all")
    };
    let documented = [
        "kernel",
        "billing",
        "domain",
        "files",
        "integration",
        "module",
        "money",
        "notify",
    ];
    assert_eq!(names, documented.map(|name| format!("platform_{name}")));
    let config = Config::from_settings(&settings("")).unwrap();
    assert_eq!(config.keep.days, Some(30));
    assert_eq!(config.store.as_deref(), Some("s3://platform-backups/postgres"));
}

#[test]
fn dump_takes_its_documented_options_with_and_without_its_name() {
    let line = "--database a --database b --exclude a --jobs 3 --keep-days 7 --keep-last 2 --strict --dry-run";
    for line in [line.to_owned(), format!("dump {line}")] {
        assert!(matches!(postgres(&line).asked(), Asked::Dump), "{line}");
        assert_eq!(databases(&line), Selection::Named(vec!["b".into()]), "{line}");
        let config = Config::from_settings(&settings(&line)).unwrap();
        assert_eq!(
            (config.jobs, config.keep.days, config.keep.last),
            (Some(3), Some(7), Some(2))
        );
        assert!(config.strict && config.dry_run);
    }
    assert_eq!(
        databases("--all --exclude postgres"),
        Selection::AllBut(vec!["postgres".into()])
    );
}

#[test]
fn long_options_of_libpq_are_taken_before_and_after_the_verb() {
    for line in [
        "--host db --port 5433 --username me --no-password --sslmode require list",
        "list --host=db --port=5433 --username=me --no-password --sslmode=require",
    ] {
        let config = PostgresConfig::from_settings(&settings(line), &Environment::default()).unwrap();
        assert_eq!(
            (config.host.as_str(), config.port, config.user.as_str()),
            ("db", 5433, "me"),
            "{line}"
        );
        assert_eq!(config.sslmode, "require");
    }
}

#[test]
fn restore_takes_its_documented_forms() {
    let line = "restore platform_money --at 20260422_170000 --target-db scratch --confirm scratch --create";
    let args = postgres(line);
    let Asked::Restore(restore) = args.asked() else {
        panic!("{line}")
    };
    assert_eq!(restore.database.as_deref(), Some("platform_money"));
    assert_eq!(restore.at, Some(At::Id("20260422_170000".parse().unwrap())));
    assert_eq!(
        (restore.target_db.as_deref(), restore.confirm.as_deref()),
        (Some("scratch"), Some("scratch"))
    );
    assert!(restore.create && !restore.swap && !restore.globals);

    let line = "restore platform_money /backups/postgres/20260422_170000/platform_money.pgdump --confirm platform_money \
                --allow-unauthenticated-origin --swap";
    let args = postgres(line);
    let Asked::Restore(restore) = args.asked() else {
        panic!("{line}")
    };
    assert!(restore.from.as_deref().unwrap().ends_with("platform_money.pgdump"));
    assert!(restore.allow_unauthenticated_origin && restore.swap);

    let args = postgres("restore --globals --at latest --confirm postgres");
    let Asked::Restore(restore) = args.asked() else {
        panic!("globals")
    };
    assert!(restore.globals && restore.database.is_none());
    assert_eq!(restore.at, Some(At::Latest));
}

#[test]
fn verify_takes_its_documented_forms() {
    for (line, id, all, depth) in [
        ("verify", None, false, Depth::Content),
        ("verify latest --depth objects", Some(At::Latest), false, Depth::Objects),
        ("verify --all --depth content --no-evidence", None, true, Depth::Content),
    ] {
        let args = postgres(line);
        let Asked::Verify(verify) = args.asked() else {
            panic!("{line}")
        };
        assert_eq!((verify.id, verify.all, verify.depth), (id, all, depth), "{line}");
    }
    assert!(
        !Config::from_settings(&settings("verify --no-evidence"))
            .unwrap()
            .evidence
    );
}

#[test]
fn list_prune_and_check_take_their_documented_options() {
    assert!(matches!(postgres("list --json").asked(), Asked::List));
    assert!(matches!(postgres("check --json").asked(), Asked::Check));
    let line = "prune --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run";
    assert!(matches!(postgres(line).asked(), Asked::Prune(_)));
    let config = Config::from_settings(&settings(line)).unwrap();
    assert_eq!(
        (config.keep.daily, config.keep.weekly, config.keep.monthly),
        (Some(7), Some(4), Some(12))
    );
    assert_eq!(
        config.keep.days, None,
        "the default rule yields to those that were given"
    );
}

#[test]
fn what_is_not_documented_is_a_usage_error() {
    for line in [
        "--nonsense",
        "backup",
        "restore",
        "restore a b --globals",
        "restore --globals --target-db b",
        "restore a --globals-overwrite",
        "restore a --jobs 2",
        "restore a --create --swap",
        "restore a b --at latest",
        "restore a --at yesterday",
        "verify --all latest",
        "verify --depth deep",
        "list --keep-days 3",
        "--jobs",
        "--password geheim",
    ] {
        assert_eq!(refused(line).exit_code(), 2, "{line}");
    }
}

#[test]
fn options_of_dump_before_another_verb_are_refused_and_not_ignored() {
    let error = refused("--database platform_money list");
    assert!(
        error.to_string().contains("--database must stand after the verb"),
        "{error}"
    );
}

#[test]
fn help_shows_exit_codes_defaults_and_variables() {
    let help = PostgresArgs::command().render_long_help().to_string();
    for text in [
        "Exit codes:",
        "143  stopped by SIGTERM",
        "[default: 5432] [env: PGPORT]",
        "BACKUP_KEY_FILE",
    ] {
        assert!(help.contains(text), "{text} not in\n{help}");
    }
}

#[test]
fn admin_takes_its_documented_verbs() {
    let parse = |line: &str| AdminArgs::try_parse_from(format!("backup-admin {line}").split(' ')).map(|args| args.verb);
    assert!(matches!(
        parse("keys new --out k"),
        Ok(AdminVerb::Keys(KeysVerb::New { .. }))
    ));
    assert!(matches!(
        parse("keys recovery-new --out k"),
        Ok(AdminVerb::Keys(KeysVerb::RecoveryNew { .. }))
    ));
    assert!(matches!(
        parse("keys show k"),
        Ok(AdminVerb::Keys(KeysVerb::Show { .. }))
    ));
    assert!(matches!(
        parse("keys check k"),
        Ok(AdminVerb::Keys(KeysVerb::Check { .. }))
    ));
    assert!(matches!(
        parse("show-config --json"),
        Ok(AdminVerb::ShowConfig { program: None })
    ));
    assert!(matches!(
        parse("show-config backup-postgres"),
        Ok(AdminVerb::ShowConfig { program: Some(_) })
    ));
    for line in ["keys", "keys new", "show-config backup-nothing", ""] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

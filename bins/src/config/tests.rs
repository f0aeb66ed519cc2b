//! Which layer wins, what is refused, and what is never shown.

use super::{
    Config, Environment, PostgresConfig, Settings, Sources,
    layers::{Given, Layer, Origin, resolve},
    postgres::Selection,
    refused::REFUSED_LIBPQ,
    show,
    table::{ADMIN, COMPONENTS, POSTGRES, SETTINGS, find},
};
use backup_core::{Error, ErrorKind, frames::DEFAULT_LEVEL, pipeline::Shape, store::ServerEncryption};
use std::{collections::BTreeSet, fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};
use tempfile::TempDir;

/// A configuration file and what else there is to read from.
struct Case {
    folder: TempDir,
    sources: Sources,
}

impl Case {
    fn new(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let default_file = folder.path().join("config.toml");
        std::fs::write(&default_file, file).unwrap();
        let sources = Sources {
            flags: Layer::new(),
            environment: Environment::default(),
            default_file,
        };
        Self { folder, sources }
    }

    fn env<const N: usize>(mut self, variables: [(&str, &str); N]) -> Self {
        self.sources.environment = variables.into();
        self
    }

    fn flag(mut self, name: &'static str, values: &[&str]) -> Self {
        let setting = find(name).unwrap();
        let text = values.iter().map(|value| (*value).to_owned()).collect();
        let given = Given {
            text,
            origin: Origin::Flag(setting.flag.unwrap()),
        };
        self.sources.flags.insert(name, given);
        self
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn settings(&self) -> Settings {
        resolve(POSTGRES, &self.sources).unwrap()
    }

    fn error(&self) -> Error {
        let resolved = resolve(POSTGRES, &self.sources).and_then(|settings| {
            Config::from_settings(&settings)?;
            PostgresConfig::from_settings(&settings, &self.sources.environment)
        });
        resolved.expect_err("it must be refused")
    }

    fn config(&self) -> Config {
        Config::from_settings(&self.settings()).unwrap()
    }

    fn postgres(&self) -> PostgresConfig {
        PostgresConfig::from_settings(&self.settings(), &self.sources.environment).unwrap()
    }

    fn origin(&self, name: &str) -> String {
        let settings = self.settings();
        let resolved = settings.all().iter().find(|resolved| resolved.setting.name == name);
        resolved.unwrap().origin.to_string()
    }
}

#[test]
fn defaults_alone_are_complete_for_every_program() {
    for program in COMPONENTS.into_iter().chain([ADMIN]) {
        let settings = resolve(program, &Case::new("").sources).unwrap();
        let config = Config::from_settings(&settings).unwrap();
        assert_eq!(
            (config.memory, config.deadline),
            (128 << 20, Duration::from_secs(60)),
            "{}",
            program.name
        );
        assert!(config.evidence && !config.strict && !config.dry_run && !config.json);
    }
    let postgres = Case::new("").postgres();
    assert_eq!(
        (postgres.host.as_str(), postgres.port, postgres.user.as_str()),
        ("postgres", 5432, "kernel")
    );
    assert!(postgres.password.is_none());
}

#[test]
fn names_options_and_variables_are_unique_per_setting() {
    let unique = |names: Vec<&str>| assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    unique(SETTINGS.iter().map(|setting| setting.name).collect());
    unique(
        SETTINGS
            .iter()
            .flat_map(|setting| setting.env.iter().copied())
            .collect(),
    );
    unique(SETTINGS.iter().filter_map(|setting| setting.flag).collect());
}

#[test]
fn flags_outrank_the_environment_which_outranks_the_file_which_outranks_defaults() {
    let case = Case::new("");
    assert_eq!(
        (case.config().memory, case.origin("memory")),
        (128 << 20, "default".into())
    );
    let case = Case::new("memory = \"1MiB\"");
    let file = case.sources.default_file.display().to_string();
    assert_eq!(
        (case.config().memory, case.origin("memory")),
        (1 << 20, format!("file {file}"))
    );
    let case = case.env([("BACKUP_MEMORY", "2MiB")]);
    assert_eq!(
        (case.config().memory, case.origin("memory")),
        (2 << 20, "environment BACKUP_MEMORY".into())
    );
    let case = case.flag("memory", &["3MiB"]);
    assert_eq!(
        (case.config().memory, case.origin("memory")),
        (3 << 20, "flag --memory".into())
    );
}

#[test]
fn a_programs_section_outranks_the_top_of_the_file() {
    let case = Case::new("store = \"file:///top\"\nstrict = true\n[postgres]\nstore = \"file:///own\"\nport = 5433");
    assert_eq!(case.config().store.as_deref(), Some("file:///own"));
    assert!(case.config().strict);
    assert_eq!(case.postgres().port, 5433);
    let admin = resolve(ADMIN, &case.sources).unwrap();
    assert_eq!(
        Config::from_settings(&admin).unwrap().store.as_deref(),
        Some("file:///top")
    );
}

#[test]
fn a_named_file_replaces_the_default_one_and_must_exist() {
    let case = Case::new("jobs = 1");
    let other = case.write("other.toml", "jobs = 2");
    let case = case.env([("BACKUP_CONFIG", other.to_str().unwrap())]);
    assert_eq!(case.config().jobs, Some(2));
    let case = case.flag("config", &["/nonexistent/c.toml"]);
    let error = case.error();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.chain(), "configuration file /nonexistent/c.toml does not exist");
}

#[test]
fn unknown_keys_of_the_file_are_named() {
    for (file, name) in [
        ("stoer = \"x\"", "'stoer'"),
        ("[postgres]\nhots = \"x\"", "'postgres.hots'"),
        ("[postgers]\nhost = \"x\"", "'postgers'"),
        ("host = \"x\"", "'host'"),
        ("dry-run = true", "'dry-run'"),
        ("postgres = 3", "'postgres'"),
    ] {
        let error = Case::new(file).error();
        assert_eq!(error.kind(), ErrorKind::Config, "{file}");
        assert!(error.to_string().contains(name), "{file}: {error:?}");
    }
}

#[test]
fn a_wrong_type_says_what_was_expected_and_what_was_found() {
    for (file, text) in [
        (
            "jobs = \"4\"",
            "setting 'jobs'|expected a whole number from 1 to 256, found text",
        ),
        (
            "strict = 1",
            "setting 'strict'|expected true or false, found a whole number",
        ),
        ("store = true", "setting 'store'|expected text, found true or false"),
        (
            "[postgres]\ndatabases = \"a\"",
            "setting 'postgres.databases'|expected a list of texts, found text",
        ),
        (
            "[postgres]\ndatabases = [1]",
            "setting 'postgres.databases'|expected a list of texts, found a list",
        ),
        (
            "recovery-key-file = 1",
            "setting 'recovery-key-file'|expected a path, found a whole number",
        ),
        ("jobs = 0", "setting 'jobs'|expected a whole number from 1 to 256"),
    ] {
        let error = Case::new(file).error();
        assert_eq!(error.kind(), ErrorKind::Config, "{file}");
        for text in text.split('|') {
            assert!(error.chain().contains(text), "{file}: {error:?}");
        }
    }
}

#[test]
fn a_file_that_is_not_toml_is_told_with_its_line_and_without_its_content() {
    let error = Case::new("jobs = 2\npassword = geheim-47\n").error();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().ends_with("at line 2"), "{error:?}");
    assert!(
        !format!("{error:?} {:?}", error.hints()).contains("geheim"),
        "{error:?}"
    );
}

#[test]
fn a_secret_may_not_stand_in_the_file_but_may_be_named_there() {
    let error = Case::new("[postgres]\npassword = \"geheim-47\"").error();
    assert!(error.hints()[0].contains("password-file"), "{error:?}");
    assert!(!error.chain().contains("geheim"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "geheim-47\n").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let case = Case::new(&format!("[postgres]\npassword-file = {path:?}"));
    assert_eq!(case.postgres().password.unwrap().expose(), "geheim-47");
}

#[test]
fn the_documented_password_variable_wins_over_libpqs_and_either_may_be_a_file() {
    let password = |case: &Case| case.postgres().password.unwrap().expose().to_owned();
    let case = Case::new("").env([("PGPASSWORD", "b")]);
    assert_eq!(password(&case), "b");
    let case = case.env([("PGPASSWORD", "b"), ("POSTGRES_PASSWORD", "a")]);
    assert_eq!(
        (password(&case), case.origin("postgres.password")),
        ("a".into(), "environment POSTGRES_PASSWORD".into())
    );
    let path = case.write("secret", " with spaces \r\n");
    let path = path.to_str().unwrap();
    let case = case.env([("POSTGRES_PASSWORD_FILE", path), ("POSTGRES_PASSWORD", "")]);
    assert_eq!(password(&case), " with spaces ");
    assert_eq!(
        case.origin("postgres.password"),
        format!("POSTGRES_PASSWORD_FILE {path}")
    );
}

#[test]
fn a_secret_given_as_text_and_as_file_is_an_error() {
    let error = Case::new("")
        .env([("POSTGRES_PASSWORD", "geheim"), ("POSTGRES_PASSWORD_FILE", "/x")])
        .error();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.chain(),
        "POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set"
    );
    let error = Case::new("")
        .env([("POSTGRES_PASSWORD_FILE", "/nonexistent/p")])
        .error();
    assert_eq!(error.chain(), "POSTGRES_PASSWORD_FILE /nonexistent/p does not exist");
}

#[test]
fn no_form_of_the_configuration_shows_a_secret() {
    let case = Case::new("").env([
        ("POSTGRES_PASSWORD", "geheim-47"),
        ("AWS_SECRET_ACCESS_KEY", "geheim-48"),
    ]);
    let settings = case.settings();
    let shown = format!(
        "{}{}{settings:?}{:?}{:?}{:?}",
        show::text(&settings),
        show::json(&settings),
        case.sources,
        case.config(),
        case.postgres()
    );
    assert!(!shown.contains("geheim"), "{shown}");
    assert!(show::text(&settings).lines().any(|line| {
        line.split_whitespace()
            .eq(["postgres.password", "environment", "POSTGRES_PASSWORD", "********"])
    }));
    assert_eq!(show::json(&settings)["postgres.password"]["value"], "********");
}

#[test]
fn show_config_says_where_each_value_is_from() {
    let case = Case::new("jobs = 4")
        .env([("PGHOST", "db")])
        .flag("postgres.port", &["5433"]);
    let json = show::json(&case.settings());
    assert_eq!(
        json["jobs"]["from"],
        format!("file {}", case.sources.default_file.display())
    );
    assert_eq!(
        (&json["postgres.host"]["value"], &json["postgres.host"]["from"]),
        (&"db".into(), &"environment PGHOST".into())
    );
    assert_eq!(json["postgres.port"]["from"], "flag --port");
    assert_eq!(json["postgres.user"]["from"], "default");
    assert_eq!(json["key-file"]["value"], serde_json::Value::Null);
    let own = SETTINGS.iter().filter(|setting| POSTGRES.uses(setting));
    assert_eq!(json.as_object().unwrap().len(), own.count());
}

#[test]
fn an_empty_list_of_databases_is_an_error_in_every_layer() {
    let cases = [
        Case::new("[postgres]\ndatabases = []"),
        Case::new("").env([("BACKUP_DATABASES", "")]),
        Case::new("").env([("BACKUP_DATABASES", " , ")]),
        Case::new("").flag("postgres.databases", &[""]),
        Case::new("")
            .flag("postgres.databases", &["a"])
            .env([("BACKUP_EXCLUDE", "a")]),
    ];
    for case in cases {
        let error = case.error();
        assert!(
            matches!(error.kind(), ErrorKind::Config | ErrorKind::Usage),
            "{error:?}"
        );
    }
}

#[test]
fn empty_variables_count_as_not_set() {
    let case = Case::new("").env([("PGHOST", ""), ("BACKUP_SSE", ""), ("BACKUP_KEY_FILE", "")]);
    assert_eq!(case.postgres().host, "postgres");
    assert!(case.config().sse.is_none() && case.config().key_file.is_none());
}

#[test]
fn all_and_a_list_exclude_each_other_unless_one_layer_outranks_the_other() {
    let named = |case: &Case| matches!(case.postgres().databases, Selection::Named(_));
    let case = Case::new("[postgres]\ndatabases = [\"a\"]").flag("postgres.all", &["true"]);
    assert!(!named(&case));
    let case = Case::new("[postgres]\nall = true").flag("postgres.databases", &["a"]);
    assert!(named(&case));
    let case = Case::new("")
        .flag("postgres.all", &["true"])
        .flag("postgres.databases", &["a"]);
    assert_eq!(case.error().kind(), ErrorKind::Usage);
}

#[test]
fn a_wrong_value_is_an_error_even_where_it_is_outranked() {
    let error = Case::new("")
        .env([("PGPORT", "many")])
        .flag("postgres.port", &["5432"])
        .error();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.chain(),
        "variable PGPORT: expected a whole number from 1 to 65535"
    );
    let error = Case::new("").flag("postgres.port", &["70000"]).error();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Usage, "option --port".into())
    );
}

#[test]
fn encryption_by_the_store_reads_as_the_aws_command_spells_it() {
    let sse = |text| Case::new("").env([("BACKUP_SSE", text)]).config().sse;
    assert_eq!(sse("aws:kms"), Some(ServerEncryption::Kms(None)));
    assert_eq!(sse("aws:kms:k"), Some(ServerEncryption::Kms(Some("k".into()))));
    assert_eq!(sse("AES256"), Some(ServerEncryption::S3));
}

#[test]
fn more_jobs_than_the_memory_is_good_for_are_refused_with_both_numbers() {
    let each = Shape::min_budget(DEFAULT_LEVEL) as u64;
    let fit = (128 << 20) / each;
    let (jobs, needed) = (fit + 1, ((fit + 1) * each).div_ceil(1 << 20));
    let case = Case::new("").flag("jobs", &[&jobs.to_string()]);
    let error = case.error();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        format!("jobs = {jobs} need {needed} MiB, and memory is 128 MiB")
    );
    let each = each.div_ceil(1 << 20);
    assert_eq!(
        error.hints(),
        [format!(
            "each job takes {each} MiB at least: --memory {needed}MiB, or --jobs {fit}"
        )]
    );
    let enough = format!("{needed}MiB");
    assert_eq!(
        case.flag("memory", &[&enough]).config().jobs,
        usize::try_from(jobs).ok()
    );
    assert_eq!(
        Case::new("memory = \"1MiB\"").config().jobs,
        None,
        "what was not asked for is not refused"
    );
}

#[test]
fn recovery_keys_are_separated_by_white_space_or_commas() {
    let case = Case::new("").env([("BACKUP_RECOVERY_KEY", "one,two\nthree ")]);
    assert_eq!(case.config().recovery_keys, ["one", "two", "three"]);
    let path = case.write("keys", "four\nfive\n");
    let case = case.env([("BACKUP_RECOVERY_KEY_FILE", path.to_str().unwrap())]);
    assert_eq!(case.config().recovery_keys, ["four", "five"]);
}

#[test]
fn libpq_variables_that_would_lead_pg_dump_elsewhere_are_refused() {
    for refused in REFUSED_LIBPQ {
        let name = refused.name;
        let error = Case::new("").env([(name, "x")]).error();
        assert_eq!((error.kind(), error.hints().len()), (ErrorKind::Config, 1), "{name}");
        assert!(error.to_string().contains(name), "{error:?}");
        for harmless in refused.harmless {
            Case::new("").env([(name, harmless)]).postgres();
        }
    }
}

#[test]
fn libpqs_time_for_a_connection_is_honoured_and_its_database_means_nothing() {
    let seconds = |text| {
        Case::new("")
            .env([("PGCONNECT_TIMEOUT", text)])
            .postgres()
            .connect_timeout
    };
    assert_eq!(seconds("7"), Some(Duration::from_secs(7)));
    assert_eq!(seconds("0"), None);
    assert_eq!(
        Case::new("").env([("PGDATABASE", "x")]).postgres().databases,
        Case::new("").postgres().databases
    );
}

#[test]
fn the_store_is_given_its_variables_and_no_others() {
    let environment = Environment::from([
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_ENDPOINT_URL_S3", "http://s3"),
        ("AWS_PROFILE", ""),
        ("PGPASSWORD", "x"),
    ]);
    let variables = environment.store_variables().unwrap();
    assert_eq!(
        variables.keys().collect::<Vec<_>>(),
        ["AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_S3"]
    );
}

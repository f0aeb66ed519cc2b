//! What goes on in a database that an exchange kept: subscriptions, jobs, event triggers, settings.

use crate::{
    fixture::{database, dump, id, pieces, settings},
    target::{context, request, target},
};
use backup_core::event::{Finding, Severity};
use backup_postgres::{Session, check::check_kept_subscriptions, dump::Compression, target::Way};
use backup_tests::{Postgres, PostgresOptions, until};
use bytes::Bytes;
use futures::StreamExt;

fn with_setting(name: &str, value: &str) -> Postgres {
    Postgres::start_with(&PostgresOptions {
        settings: vec![(name.to_owned(), value.to_owned())],
        ..PostgresOptions::default()
    })
}

fn publisher() -> Postgres {
    with_setting("wal_level", "logical")
}

/// `mirror` on `server` gets what is written to `source` on `from`.
fn subscribed(server: &Postgres, from: &Postgres) {
    database(
        from,
        "source",
        "CREATE TABLE t (x int PRIMARY KEY); CREATE PUBLICATION everything FOR ALL TABLES",
    );
    database(server, "mirror", "CREATE TABLE t (x int PRIMARY KEY)");
    let subscribe = format!(
        "CREATE SUBSCRIPTION feed CONNECTION '{}' PUBLICATION everything",
        from.url("source")
    );
    server.psql("mirror", &subscribe);
}

async fn arrives(from: &Postgres, server: &Postgres, number: u32) {
    from.psql("source", &format!("INSERT INTO t VALUES ({number})"));
    let sql = format!("SELECT count(*) FROM t WHERE x = {number}");
    until("a row has come over", || server.psql("mirror", &sql) == "1").await;
}

async fn swap(server: &Postgres, bytes: &Bytes, name: &str) -> Vec<Finding> {
    let report = target(server)
        .restore(&context(), &request(name, name, Way::Swap), || pieces(bytes).boxed())
        .await
        .unwrap();
    report.findings
}

fn found<'a>(findings: &'a [Finding], text: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.message.contains(text));
    found.ok_or_else(|| format!("{text}: {findings:?}")).unwrap()
}

const ENABLED: &str =
    "SELECT datname || ' ' || subenabled FROM pg_subscription JOIN pg_database d ON d.oid = subdbid ORDER BY 1";

#[tokio::test]
async fn an_exchange_stops_the_subscription_of_the_old_database_and_the_hint_brings_it_to_the_new_one() {
    let (from, server) = (publisher(), Postgres::start());
    subscribed(&server, &from);
    arrives(&from, &server, 1).await;
    let bytes = dump(&server, "mirror", Compression::None).await;
    arrives(&from, &server, 2).await;

    let findings = swap(&server, &bytes, "mirror").await;
    let kept = format!("mirror__before_{}", id());
    assert_eq!(server.psql("postgres", ENABLED), format!("mirror false\n{kept} false"));
    found(&findings, "1 subscriptions are restored disabled");
    let told = found(
        &findings,
        "subscription feed was at work in the old database and is disabled there",
    );
    assert_eq!(told.severity, Severity::Warning);
    // Nothing is applied to the old one any more.
    from.psql("source", "INSERT INTO t VALUES (3)");
    let walsenders = "SELECT count(*) FROM pg_stat_replication";
    until("the old subscription has ended", || {
        from.psql("postgres", walsenders) == "0"
    })
    .await;
    assert_eq!(server.psql(&kept, "SELECT count(*) FROM t"), "2");

    let hint = told.hint.as_ref().unwrap();
    for statement in [
        "ALTER SUBSCRIPTION feed SET (slot_name = NONE)",
        "ALTER SUBSCRIPTION feed ENABLE",
        "ALTER SUBSCRIPTION feed REFRESH PUBLICATION",
    ] {
        assert!(hint.contains(statement), "{hint}");
    }
    server.psql(&kept, "ALTER SUBSCRIPTION feed SET (slot_name = NONE)");
    server.psql("mirror", "TRUNCATE t");
    server.psql("mirror", "ALTER SUBSCRIPTION feed ENABLE");
    server.psql("mirror", "ALTER SUBSCRIPTION feed REFRESH PUBLICATION");
    until("every row has come over", || {
        server.psql("mirror", "SELECT string_agg(x::text, ' ' ORDER BY x) FROM t") == "1 2 3"
    })
    .await;
    arrives(&from, &server, 4).await;
    server.psql(&kept, "DROP SUBSCRIPTION feed");
    server.psql("postgres", &format!("DROP DATABASE {kept}"));
    arrives(&from, &server, 5).await;
    server.psql("mirror", "DROP SUBSCRIPTION feed");
}

#[tokio::test]
async fn a_subscription_that_goes_on_in_a_kept_database_is_found_by_check() {
    let (from, server) = (publisher(), Postgres::start());
    subscribed(&server, &from);
    let session = Session::connect(&settings(&server), "postgres").await.unwrap();
    assert_eq!(check_kept_subscriptions(&session).await.unwrap(), []);
    // As an exchange leaves it that is killed right after it.
    server.psql("mirror", "ALTER SUBSCRIPTION feed DISABLE");
    server.psql(
        "postgres",
        "ALTER DATABASE mirror RENAME TO mirror__before_20260422_170000",
    );
    assert_eq!(check_kept_subscriptions(&session).await.unwrap(), []);
    server.psql("mirror__before_20260422_170000", "ALTER SUBSCRIPTION feed ENABLE");
    let findings = check_kept_subscriptions(&session).await.unwrap();
    assert_eq!((findings.len(), findings[0].severity), (1, Severity::Warning));
    assert_eq!(findings[0].subject, "mirror__before_20260422_170000");
    server.psql("mirror__before_20260422_170000", "DROP SUBSCRIPTION feed");
}

#[tokio::test]
async fn a_subscription_that_the_login_may_not_stop_is_an_error_that_says_so() {
    // Its worker would be a session of a superuser, which no exchange by another can end.
    let server = with_setting("max_logical_replication_workers", "0");
    let role = format!("CREATE ROLE tenant LOGIN CREATEDB PASSWORD '{}'", Postgres::PASSWORD);
    server.psql("postgres", &role);
    database(
        &server,
        "mirror",
        "ALTER DATABASE mirror OWNER TO tenant; CREATE TABLE t (x int); ALTER TABLE t OWNER TO tenant",
    );
    let bytes = dump(&server, "mirror", Compression::None).await;
    let subscription = "CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false)";
    server.psql("mirror", subscription);
    server.psql("mirror", "ALTER SUBSCRIPTION feed ENABLE");
    let mut target = target(&server);
    target.settings.user = "tenant".into();
    let report = target
        .restore(&context(), &request("mirror", "mirror", Way::Swap), || {
            pieces(&bytes).boxed()
        })
        .await
        .unwrap();
    let told = found(&report.findings, "subscription feed goes on in the old database");
    assert_eq!(told.severity, Severity::Error);
    let statement = format!(
        "in mirror__before_{}, as its owner: ALTER SUBSCRIPTION feed DISABLE",
        id()
    );
    assert_eq!(told.hint, Some(statement));
}

#[tokio::test]
async fn settings_and_event_triggers_of_the_old_database_are_named() {
    let server = Postgres::start();
    database(&server, "triggered", "CREATE TABLE t (x int)");
    let bytes = dump(&server, "triggered", Compression::None).await;
    let later = "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER watcher ON sql_drop EXECUTE FUNCTION f();
        ALTER DATABASE triggered SET work_mem TO '7MB'; ALTER ROLE kernel IN DATABASE triggered SET our.secret TO 'planted'";
    server.psql("triggered", later);
    let findings = swap(&server, &bytes, "triggered").await;
    let told = found(&findings, "the old one has others for our.secret, work_mem");
    assert_eq!(told.severity, Severity::Note);
    found(
        &findings,
        "event triggers stay enabled in the old database triggered__before_20260422_170000: watcher",
    );
    assert!(!format!("{findings:?}").contains("planted"));
}

/// The control file and the table of `pg_cron`, which is not on this machine.
const CRON: [(&str, &str); 2] = [
    (
        "pg_cron.control",
        "default_version = '1.6'\nrelocatable = false\nschema = pg_catalog\n",
    ),
    (
        "pg_cron--1.6.sql",
        "CREATE SCHEMA cron; CREATE TABLE cron.job (jobid bigserial PRIMARY KEY, command text, database text DEFAULT current_database(), active bool DEFAULT true);",
    ),
];

fn with_cron(home: &str) -> (tempfile::TempDir, Postgres) {
    use std::{fs, os::unix::fs::PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("extension")).unwrap();
    for (name, text) in CRON {
        fs::write(folder.path().join("extension").join(name), text).unwrap();
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("$system:{}", folder.path().display());
    let settings = [("extension_control_path", path.as_str()), ("cron.database_name", home)];
    let options = PostgresOptions {
        settings: settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ..PostgresOptions::default()
    };
    let server = Postgres::start_version(18, &options);
    server.psql("postgres", "CREATE EXTENSION pg_cron; INSERT INTO cron.job (command, database) VALUES ('VACUUM', 'scheduled'), ('VACUUM', 'other')");
    (folder, server)
}

#[tokio::test]
async fn jobs_of_pg_cron_that_name_the_database_are_counted() {
    let (_folder, server) = with_cron("postgres");
    database(&server, "scheduled", "CREATE TABLE t (x int)");
    let bytes = crate::rights::dump_of_version(&server, "scheduled").await;
    let mut target = crate::rights::of_version(&server);
    target.settings = settings(&server);
    let swap = request("scheduled", "scheduled", Way::Swap);
    let report = target
        .restore(&context(), &swap, || pieces(&bytes).boxed())
        .await
        .unwrap();
    found(
        &report.findings,
        "1 jobs of pg_cron run in scheduled, and go on in the restored one",
    );

    // A table of this name that is not the extension's is nobody's business.
    server.psql(
        "postgres",
        &format!(
            "DROP EXTENSION pg_cron; DROP SCHEMA IF EXISTS cron; DROP DATABASE scheduled__before_{}",
            id()
        ),
    );
    server.psql(
        "postgres",
        "CREATE SCHEMA cron; CREATE VIEW cron.job AS SELECT 'scheduled' AS database, 1 / 0 AS active",
    );
    let report = target
        .restore(&context(), &swap, || pieces(&bytes).boxed())
        .await
        .unwrap();
    assert!(!format!("{:?}", report.findings).contains("pg_cron"), "{report:?}");
}

#[tokio::test]
async fn an_exchange_of_the_database_that_has_the_jobs_says_which_ones_hold() {
    let (_folder, server) = with_cron("scheduled");
    database(&server, "scheduled", "CREATE TABLE t (x int)");
    let bytes = crate::rights::dump_of_version(&server, "scheduled").await;
    let target = crate::rights::of_version(&server);
    let swap = request("scheduled", "scheduled", Way::Swap);
    let report = target
        .restore(&context(), &swap, || pieces(&bytes).boxed())
        .await
        .unwrap();
    found(&report.findings, "the jobs of pg_cron are those of the backup");
}

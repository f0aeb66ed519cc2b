//! Rights after a restore are those of the dump, whatever the live database gives by default.

use crate::{
    fixture::{database, dump, id, pieces, settings},
    target::{context, request, target},
};
use backup_core::event::Severity;
use backup_postgres::{
    ClientTools, PgDump, Secret, ToolLocations,
    dump::{Compression, DumpRequest, dump_stream},
    target::{RestoreReport, Way},
};
use backup_tests::Postgres;
use bytes::Bytes;
use futures::StreamExt;

const ROLES: &str = "CREATE ROLE owner_61; CREATE ROLE reader_61; CREATE ROLE \"Odd one_61\"; CREATE ROLE later_61";

/// Rights of every kind, and things that have none but those that the server gives by itself.
const CONTENT: &str = "CREATE SCHEMA app; CREATE TABLE secrets (x int); CREATE TABLE app.shared (x int, y int); CREATE SEQUENCE numbers;
    CREATE FUNCTION open_one() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION app.closed_one() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE TYPE mood AS ENUM ('good'); CREATE VIEW seen AS SELECT x FROM secrets; CREATE PROCEDURE steps() LANGUAGE sql AS 'SELECT 1';
    REVOKE ALL ON FUNCTION app.closed_one() FROM PUBLIC; GRANT USAGE ON SCHEMA app TO reader_61;
    GRANT SELECT (x) ON app.shared TO reader_61; GRANT INSERT ON app.shared TO \"Odd one_61\" WITH GRANT OPTION;
    ALTER TABLE app.shared OWNER TO owner_61; REVOKE INSERT ON secrets FROM CURRENT_USER;
    ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reader_61;
    ALTER DEFAULT PRIVILEGES FOR ROLE owner_61 GRANT USAGE ON SEQUENCES TO reader_61";

/// What somebody set up after the backup.
const LATER: &str = "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader_61; ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES REVOKE ALL ON TYPES FROM PUBLIC, CURRENT_USER; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC;
    ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO \"Odd one_61\" WITH GRANT OPTION;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT UPDATE ON TABLES TO \"Odd one_61\";
    ALTER DEFAULT PRIVILEGES FOR ROLE owner_61 GRANT DELETE ON TABLES TO PUBLIC;
    GRANT CREATE ON SCHEMA public TO reader_61 WITH GRANT OPTION; SET ROLE reader_61; GRANT CREATE ON SCHEMA public TO PUBLIC; RESET ROLE;
    GRANT SELECT ON secrets TO reader_61";

/// The rights in a database, one statement in a line, as its own `pg_dump` writes them.
fn rights(server: &Postgres, name: &str) -> String {
    let output = std::process::Command::new(server.binaries().join("pg_dump"))
        .args(["--schema-only", "--create", name])
        .envs(server.environment())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let verbs = ["GRANT ", "REVOKE ", "ALTER DEFAULT ", "SET SESSION AUTHORIZATION "];
    let mut lines: Vec<_> = text
        .lines()
        .filter(|line| verbs.iter().any(|verb| line.starts_with(verb)))
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

pub(crate) async fn restore(target: &PgDump, bytes: &Bytes, name: &str, way: Way) -> RestoreReport {
    target
        .restore(&context(), &request(name, name, way), || pieces(bytes).boxed())
        .await
        .map_err(|error| format!("{way:?}: {}", error.chain()))
        .unwrap()
}

pub(crate) fn of_version(server: &Postgres) -> PgDump {
    PgDump {
        tools: ToolLocations {
            folder: Some(server.binaries().into()),
            path: None,
        },
        ..target(server)
    }
}

pub(crate) async fn dump_of_version(server: &Postgres, name: &str) -> Bytes {
    let settings = settings(server);
    let tools = ClientTools::find(&of_version(server).tools, server.major())
        .await
        .unwrap();
    let request = DumpRequest {
        settings: &settings,
        tools: &tools,
        database: name,
        encoding: Some("UTF8"),
        compression: Compression::None,
    };
    let bytes: Vec<Bytes> = dump_stream(request).unwrap().0.map(Result::unwrap).collect().await;
    bytes.concat().into()
}

#[tokio::test]
async fn rights_are_those_of_the_dump_in_all_three_ways_and_in_every_version() {
    for major in Postgres::VERSIONS {
        let server = Postgres::shared_version(major);
        server.psql("postgres", ROLES);
        database(server, "rights", CONTENT);
        server.psql("rights", "REVOKE TEMPORARY ON DATABASE rights FROM PUBLIC");
        let before = rights(server, "rights");
        assert!(before.lines().count() > 8, "{before}");
        let bytes = dump_of_version(server, "rights").await;
        server.psql("rights", LATER);
        assert_ne!(rights(server, "rights"), before);
        for way in [Way::InPlace, Way::Swap, Way::Create] {
            if way == Way::Create {
                let dropped = format!(
                    "DROP DATABASE rights WITH (FORCE); DROP DATABASE rights__before_{} WITH (FORCE)",
                    id()
                );
                server.psql("postgres", &dropped);
            }
            let report = restore(&of_version(server), &bytes, "rights", way).await;
            assert_eq!(rights(server, "rights"), before, "{major} {way:?}");
            assert_eq!(
                (report.rights_that_differ, report.findings),
                (Some(0), vec![]),
                "{major} {way:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_the_live_database_gives_by_default_is_in_force_at_no_moment_and_stays_if_the_restore_fails() {
    let server = Postgres::start();
    server.psql("postgres", ROLES);
    database(&server, "watched", CONTENT);
    let bytes = dump(&server, "watched", Compression::None).await;
    server.psql("watched", LATER);
    let later = rights(&server, "watched");
    // A view on what is to be dropped: the server refuses, after the default privileges are out of force.
    server.psql(
        "watched",
        "CREATE VIEW in_the_way AS SELECT * FROM secrets; REVOKE ALL ON in_the_way FROM reader_61",
    );
    target(&server)
        .restore(&context(), &request("watched", "watched", Way::InPlace), || {
            pieces(&bytes).boxed()
        })
        .await
        .unwrap_err();
    server.psql("watched", "DROP VIEW in_the_way");
    assert_eq!(rights(&server, "watched"), later);
}

#[tokio::test]
async fn default_privileges_of_roles_and_schemas_that_the_dump_does_not_know_stay() {
    let server = Postgres::start();
    server.psql("postgres", ROLES);
    database(&server, "unknown_ones", CONTENT);
    let bytes = dump(&server, "unknown_ones", Compression::None).await;
    let unknown = "CREATE SCHEMA new; ALTER DEFAULT PRIVILEGES FOR ROLE later_61 GRANT SELECT ON TABLES TO reader_61;
        ALTER DEFAULT PRIVILEGES IN SCHEMA new GRANT SELECT ON TABLES TO reader_61";
    server.psql("unknown_ones", unknown);
    let before = rights(&server, "unknown_ones");
    server.psql("unknown_ones", LATER);
    let report = restore(&target(&server), &bytes, "unknown_ones", Way::InPlace).await;
    assert_eq!(rights(&server, "unknown_ones"), before);
    assert_eq!(report.rights_that_differ, Some(0), "{report:?}");
}

#[tokio::test]
async fn an_owner_who_is_no_superuser_restores_the_rights_of_the_dump_too() {
    let server = Postgres::start();
    server.psql("postgres", ROLES);
    server.psql(
        "postgres",
        &format!("CREATE ROLE tenant_61 LOGIN PASSWORD '{}'", Postgres::PASSWORD),
    );
    server.psql("postgres", "CREATE DATABASE owned OWNER tenant_61");
    let mut target = target(&server);
    target.settings.user = "tenant_61".into();
    target.settings.password = Some(Secret::new(Postgres::PASSWORD));
    server.psql(
        "owned",
        "SET ROLE tenant_61; CREATE TABLE secrets (x int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    let before = rights(&server, "owned");
    let bytes = dump(&server, "owned", Compression::None).await;
    let later = "SET ROLE tenant_61; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader_61;
        ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; GRANT CREATE ON SCHEMA public TO reader_61";
    server.psql("owned", later);
    let report = restore(&target, &bytes, "owned", Way::InPlace).await;
    assert_eq!(rights(&server, "owned"), before);
    assert_eq!(report.rights_that_differ, Some(0), "{report:?}");
}

#[tokio::test]
async fn rights_that_a_restore_in_place_cannot_reach_are_named() {
    let server = Postgres::start();
    server.psql("postgres", ROLES);
    database(&server, "differ", CONTENT);
    let bytes = dump(&server, "differ", Compression::None).await;
    let later = "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO reader_61; GRANT CREATE ON DATABASE differ TO reader_61;
        CREATE TABLE new (x int); GRANT SELECT ON new TO reader_61";
    server.psql("differ", later);
    let report = restore(&target(&server), &bytes, "differ", Way::InPlace).await;
    assert_eq!(report.rights_that_differ, Some(2), "{report:?}");
    let found = |severity, text: &str| {
        let found = |found: &backup_core::event::Finding| found.severity == severity && found.message.contains(text);
        assert!(report.findings.iter().any(found), "{text}: {report:?}");
    };
    found(
        Severity::Error,
        "rights on FUNCTION pg_read_file(text) in schema pg_catalog are not those of the backup: now GRANT ALL ON FUNCTION pg_catalog.pg_read_file(text) TO reader_61",
    );
    found(
        Severity::Warning,
        "the database itself are not those of the backup: now ",
    );
    assert!(!report.findings.iter().any(|found| found.message.contains("TABLE new")));
}

#[tokio::test]
async fn rights_come_over_to_a_newer_version() {
    for (from, to) in [(14, 18), (15, 18), (16, 17)] {
        let (old, new) = (
            Postgres::start_version(from, &Default::default()),
            Postgres::start_version(to, &Default::default()),
        );
        for server in [&old, &new] {
            server.psql("postgres", ROLES);
        }
        database(&old, "moved", CONTENT);
        let bytes = dump_of_version(&old, "moved").await;
        let report = restore(&of_version(&new), &bytes, "moved", Way::Create).await;
        assert_eq!(report.rights_that_differ, Some(0), "{from} to {to}: {report:?}");
        new.psql("moved", LATER);
        let report = restore(&of_version(&new), &bytes, "moved", Way::InPlace).await;
        assert_eq!(report.rights_that_differ, Some(0), "{from} to {to}: {report:?}");
    }
}

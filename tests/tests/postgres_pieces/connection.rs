use crate::fixture::{CONTENT, database, settings, until};
use backup_core::ErrorKind;
use backup_postgres::{
    Secret, ServerSettings, Session, all_databases, database_facts, log_position, missing_databases, server_facts,
};
use backup_tests::{Postgres, free_port};
use std::{process::Command, time::Duration};

#[tokio::test]
async fn a_wrong_password_is_a_refusal_and_is_not_shown() {
    let wrong = ServerSettings {
        password: Some(Secret::new("planted-secret-1")),
        ..settings(Postgres::shared())
    };
    let error = Session::connect(&wrong, "postgres").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceFailed);
    assert!(error.chain().contains("password authentication failed"), "{error:?}");
    assert!(!format!("{error:?}{wrong:?}").contains("planted-secret-1"));
    let none = ServerSettings {
        password: None,
        ..wrong
    };
    let error = Session::connect(&none, "postgres").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceFailed, "{error:?}");
    assert!(error.hints()[0].contains("POSTGRES_PASSWORD"));
}

#[tokio::test]
async fn a_server_that_is_not_there_or_does_not_answer_is_unreachable() {
    let port = free_port();
    let nobody = ServerSettings {
        port,
        ..settings(Postgres::shared())
    };
    let error = Session::connect(&nobody, "postgres").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceUnreachable, "{error:?}");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = ServerSettings {
        port: silent.local_addr().unwrap().port(),
        connect_timeout: Duration::from_millis(200),
        ..nobody
    };
    let error = Session::connect(&mute, "postgres").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceUnreachable, "{error:?}");
}

#[tokio::test]
async fn a_database_that_is_missing_is_not_found() {
    let error = Session::connect(&settings(Postgres::shared()), "no_such_one")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
}

#[tokio::test]
async fn facts_of_server_and_database_are_read_over_a_unix_socket_too() {
    let server = Postgres::shared();
    database(server, "facts", CONTENT);
    let socket = ServerSettings {
        host: server.socket_folder(),
        ..settings(server)
    };
    let session = Session::connect(&socket, "facts").await.unwrap();
    let facts = server_facts(&session).await.unwrap();
    assert_eq!(facts.version.major(), 15);
    assert!(facts.superuser && facts.reads_role_passwords && !facts.in_recovery);
    let identifier = server.psql("postgres", "SELECT system_identifier FROM pg_control_system()");
    assert_eq!(facts.system_identifier.unwrap().to_string(), identifier);
    assert_eq!(facts.lock_capacity, 122 * 64);
    let of_database = database_facts(&session).await.unwrap();
    assert_eq!(of_database.schema_version, Some(7), "8 was rolled back");
    assert!(of_database.size > 1_000_000 && of_database.findings.is_empty());
    assert!(log_position(&session).await.unwrap().unwrap().contains('/'));
}

#[tokio::test]
async fn a_schema_version_that_somebody_locks_is_not_waited_for() {
    let server = Postgres::shared();
    database(server, "migrating", CONTENT);
    let session = Session::connect(&settings(server), "migrating").await.unwrap();
    let script = "BEGIN; LOCK TABLE goose_db_version; SELECT pg_sleep(600)";
    let mut migration = Command::new(format!("{}/psql", Postgres::BINARIES))
        .args(["-X", "-q", "-d", "migrating", "-c", script])
        .envs(server.environment())
        .spawn()
        .unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'goose_db_version'::regclass";
    until("the lock is held", || server.psql("migrating", held) == "1").await;
    let facts = database_facts(&session).await.unwrap();
    assert_eq!(facts.schema_version, None);
    assert!(facts.findings[0].message.contains("cannot be read"), "{facts:?}");
    migration.kill().unwrap();
    migration.wait().unwrap();
}

#[tokio::test]
async fn databases_are_listed_without_templates_and_those_that_are_missing_are_named() {
    let server = Postgres::shared();
    database(server, "listed", "");
    server.psql("postgres", "CREATE DATABASE closed ALLOW_CONNECTIONS false");
    let session = Session::connect(&settings(server), "postgres").await.unwrap();
    let all = all_databases(&session).await.unwrap();
    assert!(all.contains(&"listed".into()) && all.contains(&"postgres".into()));
    assert!(!all.contains(&"template1".into()) && !all.contains(&"closed".into()));
    let wanted = ["zzz".to_owned(), "listed".to_owned(), "aaa".to_owned()];
    assert_eq!(missing_databases(&session, &wanted).await.unwrap(), ["zzz", "aaa"]);
}

use crate::fixture::{CONTENT, database, locations, settings};
use backup_core::event::Severity;
use backup_postgres::{
    Secret, ServerSettings, Session, ToolLocations,
    check::{check_databases, check_leftovers, check_server},
    server_facts,
};
use backup_tests::Postgres;
use jiff::ToSpan;

#[tokio::test]
async fn a_database_that_is_missing_or_cannot_be_read_is_found_with_what_to_do() {
    let server = Postgres::shared();
    database(server, "checked", CONTENT);
    server.psql(
        "checked",
        "CREATE ROLE limited LOGIN PASSWORD 'planted'; GRANT SELECT ON accounts TO limited",
    );
    let limited = ServerSettings {
        user: "limited".into(),
        password: Some(Secret::new("planted")),
        ..settings(server)
    };
    let names = ["checked".to_owned(), "no_such_one".to_owned()];
    let session = Session::connect(&limited, "postgres").await.unwrap();
    let findings = check_databases(&limited, &session, &names).await.unwrap();
    assert_eq!(findings.len(), 2);
    assert!(
        findings
            .iter()
            .all(|finding| finding.severity == Severity::Error && finding.hint.is_some())
    );
    assert!(
        findings[0].message.contains("odd.Entries of ü") && !findings[0].message.contains("accounts,"),
        "{findings:?}"
    );
    server.psql("checked", "GRANT pg_read_all_data TO limited");
    let good = check_databases(&limited, &session, &names[..1]).await.unwrap();
    assert_eq!(
        (good.len(), good[0].severity, &good[0].message[..]),
        (1, Severity::Note, "limited may read all of it")
    );
    server.psql("checked", "ALTER TABLE accounts ENABLE ROW LEVEL SECURITY");
    let filtered = check_databases(&limited, &session, &names[..1]).await.unwrap();
    assert!(filtered[0].message.contains("public.accounts"), "{filtered:?}");
    server.psql("checked", "REVOKE CONNECT ON DATABASE checked FROM PUBLIC");
    assert!(
        check_databases(&limited, &session, &names[..1]).await.unwrap()[0]
            .message
            .contains("permission denied")
    );
}

#[tokio::test]
async fn client_programs_and_clocks_are_compared_with_the_server() {
    let session = Session::connect(&settings(Postgres::shared()), "postgres")
        .await
        .unwrap();
    let facts = server_facts(&session).await.unwrap();
    let good = check_server(&facts, &locations(), facts.clock).await;
    assert!(
        good.iter().all(|finding| finding.severity == Severity::Note),
        "{good:?}"
    );
    let nowhere = ToolLocations {
        folder: Some("/nonexistent".into()),
        path: None,
    };
    let bad = check_server(&facts, &nowhere, facts.clock - 10.minutes()).await;
    assert!(
        bad.iter()
            .any(|finding| finding.severity == Severity::Error && finding.subject == "versions")
    );
    assert!(
        bad.iter()
            .any(|finding| finding.subject == "clock" && finding.message.contains("600 seconds")),
        "{bad:?}"
    );
}

#[tokio::test]
async fn databases_that_restores_left_behind_are_found_and_not_touched() {
    let server = Postgres::shared();
    for name in [
        "left__restore_20250101_000000",
        "left__before_20250101_000000",
        "left__behind",
        "platform_backup_scratch_4711",
        "platform_backup_scratch_of_mine",
    ] {
        database(server, name, "");
    }
    let session = Session::connect(&settings(server), "postgres").await.unwrap();
    let findings = check_leftovers(&session).await.unwrap();
    let found: Vec<_> = findings
        .iter()
        .filter(|finding| finding.subject.starts_with("left__"))
        .collect();
    assert_eq!(found.len(), 2);
    let scratch: Vec<_> = findings
        .iter()
        .filter(|finding| finding.subject.contains("scratch"))
        .collect();
    assert_eq!(
        (scratch.len(), scratch[0].subject.as_str()),
        (1, "platform_backup_scratch_4711")
    );
    assert_eq!(
        (found[0].severity, found[1].severity),
        (Severity::Note, Severity::Warning)
    );
    assert!(
        found[1]
            .hint
            .as_ref()
            .unwrap()
            .contains("DROP DATABASE left__restore_20250101_000000")
    );
}

//! What a restore that died left is known for what it is, and nothing else is taken for it.

use crate::{
    fixture::{CONTENT, database, dump, exists, id, locations, pieces, settings, target, tools, until},
    target::context,
};
use backup_core::{Error, ErrorKind, Result, pipeline::ByteStream};
use backup_postgres::{
    PgDump, Selection, Session,
    archive::{Limits, read_contents},
    check::check_leftovers,
    dump::Compression,
    restore::{FreshDatabase, Placement, restore_into_fresh},
    target::{RestoreReport, RestoreRequest, Way},
};
use backup_tests::{Postgres, fingerprint};
use bytes::Bytes;
use futures::StreamExt;

const NAME: &str = "__restore_20260422_170000";

async fn begun(server: &Postgres, name: &str) -> FreshDatabase {
    let (settings, tools) = (settings(server), tools().await);
    FreshDatabase::create(target(&settings, &tools, name), id(), None)
        .await
        .unwrap()
}

fn comment(server: &Postgres, database: &str) -> String {
    let asked = format!("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{database}'");
    server.psql("postgres", &asked)
}

/// A restore of `bytes` as `way` says.
async fn restore(
    server: &Postgres,
    name: &str,
    bytes: &Bytes,
    (way, replace_leftover): (Way, bool),
) -> Result<RestoreReport> {
    let target = PgDump {
        settings: settings(server),
        tools: locations(),
        selection: Selection::Named(vec![name.into()]),
        jobs: 1,
    };
    let request = RestoreRequest {
        database: name.into(),
        dump_of: None,
        way,
        proven_by_piece: true,
        replace_leftover,
        id: id(),
    };
    let open = || -> ByteStream { pieces(bytes).boxed() };
    target.restore(&context(), &request, open).await
}

#[track_caller]
fn demand_refusal(error: &Error, text: &str, hint: &str) {
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert!(error.chain().contains(text), "{error:?}");
    assert!(
        error.hints().iter().any(|given| given.contains(hint)),
        "{:?}",
        error.hints()
    );
}

async fn found(server: &Postgres, name: &str) -> (String, Option<String>) {
    let session = Session::connect(&settings(server), "postgres").await.unwrap();
    let findings = check_leftovers(&session).await.unwrap();
    let finding = findings.into_iter().find(|finding| finding.subject == name).unwrap();
    (finding.message, finding.hint)
}

#[tokio::test]
async fn the_mark_is_there_while_a_database_is_filled_and_the_comment_of_the_dump_afterwards() {
    let server = Postgres::shared();
    database(server, "said_of", CONTENT);
    server.psql("postgres", r"COMMENT ON DATABASE said_of IS 'it''s \ the payments'");
    let (settings, tools) = (settings(server), tools().await);
    let bytes = dump(server, "said_of", Compression::None).await;
    let contents = read_contents(pieces(&bytes), Limits::default()).await.unwrap().unwrap();
    let fresh = FreshDatabase::create(target(&settings, &tools, "said_new"), id(), Some(&contents))
        .await
        .unwrap();
    fresh.restore(&tools, pieces(&bytes)).await.unwrap();
    assert!(comment(server, fresh.name()).starts_with("unfinished restore by platform-backup"));
    fresh.publish().await.unwrap();
    assert_eq!(comment(server, "said_new"), r"it's \ the payments");
    restore_into_fresh(
        target(&settings, &tools, "said_of"),
        Placement::Swap,
        id(),
        Some(&contents),
        pieces(&bytes),
    )
    .await
    .unwrap();
    assert_eq!(comment(server, "said_of"), r"it's \ the payments");

    database(server, "unsaid", "");
    let bytes = dump(server, "unsaid", Compression::None).await;
    restore_into_fresh(
        target(&settings, &tools, "unsaid_new"),
        Placement::Create,
        id(),
        None,
        pieces(&bytes),
    )
    .await
    .unwrap();
    assert_eq!(comment(server, "unsaid_new"), "");
}

#[tokio::test]
async fn what_a_dead_run_left_is_replaced_when_asked_and_what_a_live_one_fills_never() {
    let server = Postgres::shared();
    database(server, "left_in_way", CONTENT);
    let (before, bytes) = (
        fingerprint(server, "left_in_way"),
        dump(server, "left_in_way", Compression::None).await,
    );
    let name = format!("left_in_way{NAME}");
    let fresh = begun(server, "left_in_way").await;
    for replace in [false, true] {
        let error = restore(server, "left_in_way", &bytes, (Way::Swap, replace))
            .await
            .unwrap_err();
        demand_refusal(
            &error,
            "another restore of backup 20260422_170000 is at work",
            "wait for its end",
        );
    }
    assert!(exists(server, &name));
    assert_eq!(found(server, &name).await, ("a restore is at work in it".into(), None));
    drop(fresh);
    let lives = format!(
        "SELECT count(*) FROM pg_stat_activity, pg_database d WHERE d.datname = '{name}' \
        AND right(application_name, 16) = right(shobj_description(d.oid, 'pg_database'), 16)"
    );
    until("the end of the run's session", || {
        server.psql("postgres", &lives) == "0"
    })
    .await;
    let error = restore(server, "left_in_way", &bytes, (Way::Swap, false))
        .await
        .unwrap_err();
    demand_refusal(&error, "is still there", "--replace-leftover drops it and goes on");
    let (message, hint) = found(server, &name).await;
    assert!(
        message.contains("left it") && hint.unwrap().contains("--replace-leftover"),
        "{message}"
    );

    // Somebody looks into it.
    let looking = Session::connect(&settings(server), &name).await.unwrap();
    let error = restore(server, "left_in_way", &bytes, (Way::Swap, true))
        .await
        .unwrap_err();
    demand_refusal(&error, "is at work in database", "pg_terminate_backend(");
    drop(looking);
    let inside =
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND backend_type = 'client backend'");
    until("nobody is in it", || server.psql("postgres", &inside) == "0").await;
    server.psql("left_in_way", "DROP TABLE empty");
    let report = restore(server, "left_in_way", &bytes, (Way::Swap, true)).await.unwrap();
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.subject == name && finding.message.contains("is dropped first")),
        "{report:?}"
    );
    assert_eq!(
        (fingerprint(server, "left_in_way"), exists(server, &name)),
        (before, false)
    );
}

#[tokio::test]
async fn a_database_without_our_mark_is_never_replaced_whatever_its_name_and_comment_are() {
    let server = Postgres::shared();
    database(server, "foreign_name", CONTENT);
    let bytes = dump(server, "foreign_name", Compression::None).await;
    let name = format!("foreign_name{NAME}");
    database(server, &name, "CREATE TABLE somebodys (x int)");
    for said in ["NULL", "'unfinished restore of mine, run by hand'"] {
        server.psql("postgres", &format!("COMMENT ON DATABASE {name} IS {said}"));
        let error = restore(server, "foreign_name", &bytes, (Way::Swap, true))
            .await
            .unwrap_err();
        demand_refusal(&error, "is still there", "DROP DATABASE");
        assert_eq!(server.psql(&name, "SELECT count(*) FROM somebodys"), "0");
    }
}

#[tokio::test]
async fn a_run_that_was_taken_for_dead_neither_names_nor_drops_what_another_made_in_its_place() {
    let server = Postgres::shared();
    let dead = begun(server, "overtaken").await;
    server.psql("postgres", &format!("DROP DATABASE overtaken{NAME}"));
    let other = begun(server, "overtaken").await;
    let error = dead.publish().await.unwrap_err();
    assert!(
        error
            .chain()
            .contains("is no longer the one that this restore has filled"),
        "{error:?}"
    );
    dead.discard().await.unwrap();
    assert!(exists(server, other.name()) && !exists(server, "overtaken"));
    other.publish().await.unwrap();
    assert!(exists(server, "overtaken"));
}

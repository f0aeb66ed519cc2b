use crate::fixture::{CONTENT, database, dump, exists, failing, id, pieces, settings, target, tools, until};
use backup_core::ErrorKind;
use backup_postgres::{
    Secret, ServerSettings, Session,
    archive::{Contents, Limits, read_contents},
    dump::Compression,
    restore::{FreshDatabase, Placement, restore_into_fresh},
};
use backup_tests::{Postgres, fingerprint};
use bytes::Bytes;

async fn contents(bytes: &Bytes) -> Contents {
    read_contents(pieces(bytes), Limits::default()).await.unwrap().unwrap()
}

async fn filled(server: &Postgres, name: &str, bytes: &Bytes) -> FreshDatabase {
    let (settings, tools) = (settings(server), tools().await);
    let contents = contents(bytes).await;
    let fresh = FreshDatabase::create(target(&settings, &tools, name), id(), Some(&contents))
        .await
        .unwrap();
    fresh.restore(&tools, pieces(bytes)).await.unwrap();
    fresh.check(&contents).await.unwrap();
    fresh
}

#[tokio::test]
async fn a_fresh_database_has_its_name_only_when_it_is_complete_and_then_its_settings_too() {
    let server = Postgres::shared();
    database(server, "made", CONTENT);
    server.psql("postgres", "CREATE ROLE made_owner; ALTER DATABASE made OWNER TO made_owner; ALTER DATABASE made SET work_mem TO '7MB'; REVOKE CONNECT ON DATABASE made FROM PUBLIC");
    let describe = "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, (SELECT array_agg(a ORDER BY a::text) FROM unnest(datacl) a), (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = 'made'";
    let (before, described) = (fingerprint(server, "made"), server.psql("postgres", describe));
    let bytes = dump(server, "made", Compression::None).await;
    server.psql("postgres", "DROP DATABASE made");
    let fresh = filled(server, "made", &bytes).await;
    assert!(!exists(server, "made") && exists(server, "made__restore_20260422_170000"));
    let _monitor = Session::connect(&settings(server), fresh.name()).await.unwrap();
    fresh.publish().await.unwrap();
    assert_eq!(fingerprint(server, "made"), before);
    assert_eq!(server.psql("postgres", describe), described);
    assert!(!exists(server, "made__restore_20260422_170000"));
}

#[tokio::test]
async fn a_fresh_database_that_fails_is_dropped_again() {
    let server = Postgres::shared();
    database(server, "failed_source", CONTENT);
    let bytes = dump(server, "failed_source", Compression::None).await;
    let (settings, tools) = (settings(server), tools().await);
    let contents = contents(&bytes).await;
    let fresh = FreshDatabase::create(target(&settings, &tools, "failed"), id(), Some(&contents))
        .await
        .unwrap();
    assert!(fresh.restore(&tools, failing(&bytes)).await.is_err());
    assert!(fresh.check(&contents).await.is_err() || fresh.restore(&tools, pieces(&bytes)).await.is_err());
    fresh.discard().await.unwrap();
    fresh.discard().await.unwrap();
    assert!(!exists(server, "failed") && !exists(server, fresh.name()));
}

#[tokio::test]
async fn a_name_that_is_taken_is_not_taken_over() {
    let server = Postgres::shared();
    database(server, "taken", CONTENT);
    let bytes = dump(server, "taken", Compression::None).await;
    let fresh = filled(server, "taken", &bytes).await;
    let error = fresh.publish().await.unwrap_err();
    assert!(error.chain().contains("already exists"), "{error:?}");
    fresh.discard().await.unwrap();
    assert!(exists(server, "taken"));
}

#[tokio::test]
async fn a_swap_puts_the_restored_database_in_place_of_one_that_is_in_use_and_keeps_it() {
    let server = Postgres::shared();
    database(server, "live", CONTENT);
    let before = fingerprint(server, "live");
    let bytes = dump(server, "live", Compression::None).await;
    server.psql("live", "DROP TABLE empty; CREATE TABLE broken (x int)");
    let broken = fingerprint(server, "live");
    let fresh = filled(server, "live", &bytes).await;
    let _user = Session::connect(&settings(server), "live").await.unwrap();
    let swapped = fresh.swap().await.unwrap();
    assert_eq!(swapped.kept, "live__before_20260422_170000");
    assert_eq!(fingerprint(server, "live"), before);
    assert_eq!(fingerprint(server, &swapped.kept), broken);
    assert!(!exists(server, fresh.name()) && swapped.findings.is_empty());
}

#[tokio::test]
async fn a_session_that_may_not_be_ended_is_no_failure_of_a_swap_unless_it_stays() {
    let server = Postgres::shared();
    server.psql("postgres", "CREATE ROLE owner_only LOGIN CREATEDB PASSWORD 'owner'");
    database(server, "guarded", CONTENT);
    server.psql("postgres", "ALTER DATABASE guarded OWNER TO owner_only");
    let bytes = dump(server, "guarded", Compression::None).await;
    let superuser = Session::connect(&settings(server), "guarded").await.unwrap();
    let (owner, tools) = (
        ServerSettings {
            user: "owner_only".into(),
            password: Some(Secret::new("owner")),
            ..settings(server)
        },
        tools().await,
    );
    // Its content is none of this test's business: the owner may not make all of it.
    let fresh = FreshDatabase::create(target(&owner, &tools, "guarded"), id(), None)
        .await
        .unwrap();
    let failed = fresh.swap().await.unwrap_err();
    assert!(
        failed.hints().iter().any(|hint| hint.contains("could not be ended")),
        "{failed:?}"
    );
    assert!(exists(server, "guarded") && exists(server, fresh.name()));

    let renames =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'ALTER DATABASE \"guarded\"%'";
    let (leaves, swapped) = tokio::join!(
        async {
            until("the rename waits", || server.psql("postgres", renames) != "0").await;
            drop(superuser);
        },
        fresh.swap()
    );
    let () = leaves;
    assert!(exists(server, &swapped.unwrap().kept) && exists(server, "guarded") && !bytes.is_empty());
}

#[tokio::test]
async fn a_swap_that_fails_at_either_rename_leaves_the_old_database_in_place() {
    let server = Postgres::shared();
    database(server, "stays", CONTENT);
    let before = fingerprint(server, "stays");
    let bytes = dump(server, "stays", Compression::None).await;
    let fresh = filled(server, "stays", &bytes).await;
    database(server, "stays__before_20260422_170000", "");
    assert!(fresh.swap().await.is_err(), "the first rename fails");
    assert_eq!(fingerprint(server, "stays"), before);
    server.psql("postgres", "DROP DATABASE stays__before_20260422_170000");
    fresh.discard().await.unwrap();
    assert!(fresh.swap().await.is_err(), "the second rename fails");
    assert_eq!(fingerprint(server, "stays"), before);
    assert!(!exists(server, "stays__before_20260422_170000"));
}

#[tokio::test]
async fn a_whole_restore_by_a_fresh_database_places_it_or_leaves_no_trace() {
    let server = Postgres::shared();
    database(server, "whole", CONTENT);
    let before = fingerprint(server, "whole");
    let bytes = dump(server, "whole", Compression::None).await;
    let (settings, tools) = (settings(server), tools().await);
    let contents = contents(&bytes).await;
    let restore = async |name, placement, cut: usize| {
        let dump = pieces(&bytes.slice(..bytes.len() - cut));
        restore_into_fresh(target(&settings, &tools, name), placement, id(), Some(&contents), dump).await
    };
    for (name, placement, cut, kind) in [
        ("whole", Placement::Create, 0, ErrorKind::Refused),
        ("no_such_one", Placement::Swap, 0, ErrorKind::NotFound),
        ("whole", Placement::Swap, 1, ErrorKind::Damaged),
        ("whole_new", Placement::Create, 1, ErrorKind::Damaged),
    ] {
        assert_eq!(restore(name, placement, cut).await.unwrap_err().kind(), kind);
        assert!(!exists(server, &format!("{name}__restore_20260422_170000")) && !exists(server, "whole_new"));
        assert_eq!(fingerprint(server, "whole"), before);
    }
    assert_eq!(restore("whole_new", Placement::Create, 0).await.unwrap().kept, None);
    assert_eq!(fingerprint(server, "whole_new"), before);
    server.psql("whole", "DROP TABLE empty");
    let kept = restore("whole", Placement::Swap, 0).await.unwrap().kept.unwrap();
    assert_eq!((fingerprint(server, "whole"), exists(server, &kept)), (before, true));
}

//! Whole restores and verifications, as the programs ask for them.

use crate::fixture::{CONTENT, database, dump, exists, id, locations, pieces, settings};
use backup_core::{
    Context, Error, ErrorKind,
    catalog::Artifact,
    clock::{SystemClock, SystemEntropy},
    event::Quiet,
    pipeline::ByteStream,
    store::Features,
    target::BackupTarget,
    testing::{MemoryOptions, MemoryStore},
};
use backup_postgres::{
    PgDump, Selection,
    dump::Compression,
    target::{RestoreRequest, Way},
};
use backup_tests::{Postgres, fingerprint};
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

pub(crate) fn context() -> Context {
    let clock = Arc::new(SystemClock);
    Context {
        store: Arc::new(MemoryStore::new(clock.clone(), MemoryOptions::default())),
        features: Features::default(),
        keyring: None,
        clock,
        entropy: Arc::new(SystemEntropy),
        events: Arc::new(Quiet),
        cancel: CancellationToken::new(),
        tool: "test".into(),
    }
}

pub(crate) fn target(server: &Postgres) -> PgDump {
    PgDump {
        settings: settings(server),
        tools: locations(),
        selection: Selection::AllExcept(Vec::new()),
        jobs: 1,
    }
}

pub(crate) fn request(database: &str, dump_of: &str, way: Way) -> RestoreRequest {
    RestoreRequest {
        proven_by_piece: true,
        replace_leftover: false,
        database: database.to_owned(),
        dump_of: Some(dump_of.to_owned()),
        way,
        id: id(),
    }
}

/// Everything but the end, which never comes.
fn endless(bytes: &Bytes) -> ByteStream {
    pieces(bytes).chain(stream::pending()).boxed()
}

#[tokio::test]
async fn a_dump_of_another_database_is_refused_before_anything_is_touched() {
    let server = Postgres::shared();
    database(server, "other_billing", CONTENT);
    database(server, "other_money", "CREATE TABLE money (x int)");
    let bytes = dump(server, "other_billing", Compression::None).await;
    let before = fingerprint(server, "other_money");
    for (name, way) in [
        ("other_money", Way::InPlace),
        ("other_money", Way::Swap),
        ("other_new", Way::Create),
    ] {
        let error = target(server)
            .restore(&context(), &request(name, "other_money", way), || {
                pieces(&bytes).boxed()
            })
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let hint = format!("this is a dump of other_billing: restore other_billing KEY --target-db {name}");
        assert_eq!(error.hints(), [hint]);
        assert!(fingerprint(server, "other_money") == before && !exists(server, "other_new"));
    }
}

#[tokio::test]
async fn a_restore_that_is_cancelled_leaves_every_database_as_it_was() {
    let server = Postgres::shared();
    database(server, "cancelled", CONTENT);
    let bytes = dump(server, "cancelled", Compression::None).await;
    let before = fingerprint(server, "cancelled");
    for (name, way) in [
        ("cancelled", Way::InPlace),
        ("cancelled", Way::Swap),
        ("cancelled_new", Way::Create),
    ] {
        let opened = std::sync::atomic::AtomicUsize::new(0);
        let cx = context();
        let open = || {
            // The first time it is read for its contents.
            if opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
                pieces(&bytes).boxed()
            } else {
                endless(&bytes)
            }
        };
        let (target, request) = (target(server), request(name, "cancelled", way));
        let cancel = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            cx.cancel.cancel();
        };
        let restore = tokio::time::timeout(Duration::from_secs(60), target.restore(&cx, &request, open));
        let (restored, ()) = tokio::join!(restore, cancel);
        let error = restored.expect("it ends").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
        assert_eq!(fingerprint(server, "cancelled"), before);
        assert!(!exists(server, "cancelled_new") && !exists(server, &format!("{name}__restore_{}", id())));
    }
}

/// All of it, and then what the reader of an object says whose digest is not that of the manifest.
fn unproven(bytes: &Bytes) -> ByteStream {
    let damaged = Error::new(ErrorKind::Damaged, "the digest is another");
    pieces(bytes).chain(stream::iter([Err(damaged)])).boxed()
}

#[tokio::test]
async fn nothing_of_a_dump_whose_digest_comes_last_is_used_before_it_is_proven() {
    let server = Postgres::shared();
    database(server, "late_digest", CONTENT);
    let bytes = dump(server, "late_digest", Compression::None).await;
    for (name, way, proven_by_piece, opens) in [
        ("late_digest", Way::InPlace, true, 1),
        ("late_digest", Way::Swap, false, 1),
        ("late_digest_new", Way::Create, false, 1),
        ("late_digest_new", Way::Create, true, 2),
    ] {
        let request = RestoreRequest {
            proven_by_piece,
            replace_leftover: false,
            ..request(name, "late_digest", way)
        };
        let opened = std::sync::atomic::AtomicUsize::new(0);
        let open = || {
            opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            unproven(&bytes)
        };
        let error = target(server).restore(&context(), &request, open).await.unwrap_err();
        assert_eq!(
            (error.kind(), opened.into_inner()),
            (ErrorKind::Damaged, opens),
            "{way:?}"
        );
        assert!(!exists(server, "late_digest_new"));
    }
}

fn artifact(name: &str) -> Artifact {
    serde_json::from_value(serde_json::json!({
        "name": name, "content_type": "x", "plain_length": 0, "objects": [], "details": {},
    }))
    .unwrap()
}

#[tokio::test]
async fn a_verification_that_is_cancelled_ends() {
    let server = Postgres::shared();
    database(server, "verified_half", CONTENT);
    let bytes = dump(server, "verified_half", Compression::None).await;
    let cx = context();
    cx.cancel.cancel();
    let (target, artifact) = (target(server), artifact("verified_half"));
    let verified = target.verify(&cx, &artifact, endless(&bytes));
    let error = tokio::time::timeout(Duration::from_secs(60), verified)
        .await
        .expect("it ends")
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn what_is_overwritten_between_two_readings_never_reaches_the_server() {
    let server = Postgres::shared();
    database(server, "overwritten", CONTENT);
    let bytes = dump(server, "overwritten", Compression::None).await;
    // Of a stranger: as long, and with a statement of his.
    let written = b"CREATE VIEW public.rich AS";
    let at = bytes.windows(written.len()).position(|text| text == written).unwrap();
    let mut strange = bytes.to_vec();
    strange[at..at + written.len()].copy_from_slice(b"CREATE VIEW public.evil AS");
    let strange = Bytes::from(strange);
    let before = fingerprint(server, "overwritten");
    for (name, way, proven_by_piece) in [
        ("overwritten", Way::InPlace, true),
        ("overwritten", Way::InPlace, false),
        ("overwritten", Way::Swap, false),
        ("overwritten_new", Way::Create, false),
    ] {
        let request = RestoreRequest {
            proven_by_piece,
            ..request(name, "overwritten", way)
        };
        let opened = std::sync::atomic::AtomicUsize::new(0);
        let open = || match opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => pieces(&bytes).boxed(),
            _ => pieces(&strange).boxed(),
        };
        let error = target(server).restore(&context(), &request, open).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{way:?}");
        assert!(error.chain().contains("overwritten in between"), "{error:?}");
        assert_eq!(fingerprint(server, "overwritten"), before);
        assert!(!exists(server, "overwritten_new"));
    }
}

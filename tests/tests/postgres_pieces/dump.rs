use crate::{
    fixture::{CONTENT, database, dump, failing, locations, pieces, settings, tools},
    secrets::child_of_this_process,
};
use backup_core::ErrorKind;
use backup_postgres::{
    Secret, ServerSettings, VouchedStream,
    archive::{Limits, Walked, read_contents},
    dump::{Compression, DumpRequest, dump_stream},
    restore::verify_with_pg_restore,
};
use backup_tests::{Postgres, free_port};
use futures::StreamExt;

/// More than all buffers between `pg_dump` and its reader.
pub(crate) const LARGE: &str =
    "CREATE TABLE large AS SELECT n, repeat(md5(n::text), 30) AS text FROM generate_series(1, 30000) n";

pub(crate) async fn start(settings: &ServerSettings, database: &str) -> VouchedStream {
    let tools = tools().await;
    let request = DumpRequest {
        settings,
        tools: &tools,
        database,
        encoding: None,
        compression: Compression::None,
    };
    dump_stream(request).unwrap().0
}

async fn last_error(stream: VouchedStream) -> backup_core::Error {
    let mut items: Vec<_> = stream.collect().await;
    items
        .pop()
        .expect("an item")
        .expect_err("a stream that fails ends with an error")
}

#[tokio::test]
async fn a_dump_says_what_is_in_it() {
    let server = Postgres::shared();
    database(server, "said", CONTENT);
    for compression in [Compression::None, Compression::Nine] {
        let bytes = dump(server, "said", compression).await;
        let Walked::Complete(contents) = verify_with_pg_restore(&locations(), pieces(&bytes)).await.unwrap() else {
            panic!("a known layout");
        };
        assert_eq!(contents.header.database, "said");
        assert!(contents.header.server_version.starts_with("15."));
        assert_eq!((contents.dump_major(), contents.tables.len()), (Some(15), 4));
        let entries = contents
            .data
            .iter()
            .find(|data| data.table.name == "Entries of ü")
            .unwrap();
        assert_eq!(entries.rows, (compression == Compression::None).then_some(5000));
        let beginning = read_contents(pieces(&bytes), Limits::default()).await.unwrap().unwrap();
        assert_eq!(beginning.tables, contents.tables);
    }
}

#[tokio::test]
async fn pg_restore_finds_a_dump_that_is_cut_or_fails() {
    let server = Postgres::shared();
    database(server, "cut", CONTENT);
    let bytes = dump(server, "cut", Compression::None).await;
    for length in [bytes.len() - 1, bytes.len() / 2, 100, 0] {
        let error = verify_with_pg_restore(&locations(), pieces(&bytes.slice(..length)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{length}: {error:?}");
    }
    assert!(
        verify_with_pg_restore(&locations(), Box::pin(failing(&bytes)))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_pg_dump_that_is_killed_never_looks_like_a_dump() {
    let server = Postgres::shared();
    database(server, "killed", LARGE);
    let mut stream = start(&settings(server), "killed").await;
    assert!(stream.next().await.unwrap().is_ok());
    let pid = child_of_this_process("pg_dump", "killed").await;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let error = last_error(stream).await;
    assert_eq!(error.kind(), ErrorKind::SourceFailed);
    assert!(error.chain().contains("signal: 9"), "{error:?}");
}

#[tokio::test]
async fn a_server_that_stops_during_a_dump_ends_it_with_an_error() {
    let mut server = Postgres::start();
    database(&server, "stopped", LARGE);
    let mut stream = start(&settings(&server), "stopped").await;
    assert!(stream.next().await.unwrap().is_ok());
    server.kill();
    let error = last_error(stream).await;
    assert_eq!(error.kind(), ErrorKind::SourceFailed);
    assert!(
        error.chain().contains("pg_dump: error"),
        "its last words are shown: {error:?}"
    );
}

#[tokio::test]
async fn a_dump_that_cannot_begin_says_whether_the_server_was_reached() {
    let server = Postgres::shared();
    let good = settings(server);
    let wrong = ServerSettings {
        password: Some(Secret::new("planted-secret-2")),
        ..good.clone()
    };
    let error = last_error(start(&wrong, "postgres").await).await;
    assert_eq!(error.kind(), ErrorKind::SourceFailed);
    assert!(
        error.chain().contains("password authentication failed") && !error.chain().contains("planted"),
        "{error:?}"
    );
    let missing = last_error(start(&good, "no_such_one").await).await;
    assert_eq!(missing.kind(), ErrorKind::SourceFailed);
    assert!(missing.chain().contains("does not exist"), "{missing:?}");
    let nobody = ServerSettings {
        port: free_port(),
        ..good
    };
    assert_eq!(
        last_error(start(&nobody, "postgres").await).await.kind(),
        ErrorKind::SourceUnreachable
    );
}

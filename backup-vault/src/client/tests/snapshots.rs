//! Snapshots on the wire: whole, cut, slow, and from somewhere else.

use super::fake::{
    CHUNKED, Dead, FakeVault, SNAPSHOT, Step, TOKEN, chunk, chunked, client, client_with, redirect, send,
};
use crate::{
    client::{Vault, VaultError, VaultErrorKind},
    snapshot::{
        Flaw, Proof, SnapshotError, SnapshotFacts, proven,
        tests::writer::{Packed, Snapshot},
    },
};
use futures::TryStreamExt;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

fn file() -> Vec<u8> {
    Snapshot::small(Packed::Deflated).file()
}

async fn bytes(vault: &Vault) -> Result<Vec<u8>, VaultError> {
    let mut stream = vault.snapshot().await?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn prove(bytes: &[u8]) -> Result<SnapshotFacts, Flaw> {
    let mut proof = Proof::default();
    proof.feed(bytes).map_err(|error| error.flaw())?;
    proof.finish().map_err(|error| error.flaw())
}

async fn failure(steps: Vec<Step>) -> VaultErrorKind {
    let server = FakeVault::always(steps).await;
    bytes(&server.client()).await.unwrap_err().kind()
}

async fn failure_of_a_stall(steps: Vec<Step>) -> VaultErrorKind {
    let server = FakeVault::always(steps).await;
    bytes(&server.hasty_client()).await.unwrap_err().kind()
}

#[tokio::test]
async fn a_snapshot_comes_byte_for_byte_with_the_token_and_without_a_namespace() {
    let server = FakeVault::always(chunked(&file())).await;
    assert_eq!(bytes(&server.client()).await.unwrap(), file());
    let [seen] = <[_; 1]>::try_from(server.seen()).unwrap();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", SNAPSHOT));
    assert_eq!(seen.header("x-vault-token"), Some(TOKEN));
    assert_eq!(seen.header("x-vault-request"), Some("true"));
    assert_eq!(seen.header("x-vault-namespace"), None);
    assert_eq!(seen.header("accept-encoding"), None);
}

#[tokio::test]
async fn a_snapshot_that_vault_cut_and_ended_cleanly_is_no_error_on_the_wire_and_never_proven() {
    let whole = Snapshot::small(Packed::Stored).file();
    let archive = Snapshot::small(Packed::Stored).archive();
    let in_state = 10 + 5 + 512 + 512 + 512 + 50;
    let before_sealed = 10 + 5 + archive.len() - 1024 - 512 - 512;
    for length in [0, 10, in_state, before_sealed, whole.len() - 8, whole.len() - 4] {
        let server = FakeVault::always(chunked(&whole[..length])).await;
        let came = bytes(&server.client()).await.unwrap();
        assert_eq!(came.len(), length);
        let wanted = if length < whole.len() - 8 {
            Flaw::Cut
        } else {
            Flaw::CutTrailer
        };
        assert_eq!(prove(&came).unwrap_err(), wanted, "{length}");
    }
    // The ten bytes of a gzip header with a length that agrees: what a failed seal leaves of a small snapshot.
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nContent-Length: 10\r\n\r\n";
    let server = FakeVault::always(vec![send(head), send(&whole[..10])]).await;
    assert_eq!(prove(&bytes(&server.client()).await.unwrap()).unwrap_err(), Flaw::Cut);
    assert!(prove(&whole).is_ok());
}

#[tokio::test]
async fn a_connection_that_breaks_is_interrupted() {
    let file = file();
    let begun = || vec![send(CHUNKED), chunk(&file[..300])];
    assert_eq!(
        failure([begun(), vec![Step::Reset]].concat()).await,
        VaultErrorKind::Interrupted
    );
    assert_eq!(failure(begun()).await, VaultErrorKind::Interrupted);
    let short = vec![
        send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
        send(&file[..300]),
    ];
    assert_eq!(failure(short).await, VaultErrorKind::Interrupted);
    assert_eq!(failure(vec![Step::Reset]).await, VaultErrorKind::Interrupted);
}

#[tokio::test]
async fn a_server_that_stops_sending_is_given_up() {
    let begun = vec![send(CHUNKED), chunk(&file()[..300]), Step::Hang];
    let refusal = vec![send("HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\n"), Step::Hang];
    for steps in [begun, vec![Step::Hang], refusal] {
        assert_eq!(failure_of_a_stall(steps).await, VaultErrorKind::Stalled);
    }
}

#[tokio::test]
async fn a_slow_drip_may_take_longer_than_the_idle_timeout() {
    let mut steps = vec![send(CHUNKED)];
    for piece in file().chunks(file().len().div_ceil(10)) {
        steps.extend([chunk(piece), Step::Wait(Duration::from_millis(400))]);
    }
    steps.push(send("0\r\n\r\n"));
    let server = FakeVault::always(steps).await;
    let vault = client_with(&server.address, Duration::from_secs(3));
    let began = Instant::now();
    assert_eq!(bytes(&vault).await.unwrap(), file());
    assert!(began.elapsed() > Duration::from_secs(3));
}

#[tokio::test]
async fn a_standby_leads_to_the_leader_and_the_token_goes_along() {
    let leader = FakeVault::always(chunked(&file())).await;
    let location = format!("{}{SNAPSHOT}", leader.address);
    let standby = FakeVault::always(redirect(307, &location)).await;
    let stream = standby.client().snapshot().await.unwrap();
    assert_eq!(stream.sent_by().to_string(), leader.address);
    let came: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(came.concat(), file());
    assert_eq!(leader.seen()[0].header("x-vault-token"), Some(TOKEN));
    assert_eq!(leader.seen()[0].header("x-vault-request"), Some("true"));
}

#[tokio::test]
async fn redirects_in_a_circle_end_after_the_first() {
    let own = FakeVault::start(|seen| redirect(307, &format!("{}{SNAPSHOT}", seen.own_address()))).await;
    assert_eq!(
        bytes(&own.client()).await.unwrap_err().kind(),
        VaultErrorKind::RedirectLoop
    );
    assert_eq!(own.seen().len(), 1);

    let first = FakeVault::always(redirect(307, &format!("{}{SNAPSHOT}", own.address))).await;
    let error = bytes(&first.client()).await.unwrap_err();
    assert_eq!(error.kind(), VaultErrorKind::RedirectLoop);
    assert!(error.to_string().contains(&own.address), "{error}");
    assert_eq!((first.seen().len(), own.seen().len()), (1, 2));
}

#[tokio::test]
async fn a_redirect_to_where_nobody_answers_is_explained() {
    let dead = Dead::new();
    let standby = FakeVault::always(redirect(307, &format!("{}{SNAPSHOT}", dead.address))).await;
    let error = bytes(&standby.client()).await.unwrap_err();
    assert_eq!(error.kind(), VaultErrorKind::RedirectUnreachable);
    let error = backup_core::Error::from(error);
    assert_eq!(error.kind(), backup_core::ErrorKind::SourceUnreachable);
    assert!(error.chain().contains(&dead.address), "{}", error.chain());
    assert!(error.hints()[0].contains("api_addr"), "{:?}", error.hints());
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed_and_gives_no_token_away() {
    let other = FakeVault::always(chunked(&file())).await;
    let locations = [
        (307, "/v1/sys/health"),
        (307, "/"),
        (302, SNAPSHOT),
        (303, SNAPSHOT),
        (307, "/v1/x/../sys/health"),
    ];
    for (status, path) in locations {
        let standby = FakeVault::always(redirect(status, &format!("{}{path}", other.address))).await;
        let error = bytes(&standby.client()).await.unwrap_err();
        assert_eq!(error.kind(), VaultErrorKind::RedirectRefused, "{status} {path}");
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let dead = Dead::new();
    let failed = bytes(&client(&dead.address)).await.unwrap_err();
    assert_eq!(failed.kind(), VaultErrorKind::Unreachable);
}

#[tokio::test]
async fn a_server_without_tls_is_a_failure_of_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        stream.write_all(answer).await.unwrap();
        // Closing earlier would break the connection instead.
        stream.read_u8().await.unwrap();
    });
    let error = bytes(&client(&address)).await.unwrap_err();
    assert_eq!(error.kind(), VaultErrorKind::Tls, "{error:?}");
    let error = backup_core::Error::from(error);
    assert!(error.hints()[0].contains("VAULT_CACERT"), "{error:?}");
    serving.await.unwrap();
}

#[tokio::test]
async fn a_stream_is_vouched_for_only_if_the_snapshot_is_whole() {
    for (length, whole) in [(file().len(), true), (file().len() - 1, false), (200, false)] {
        let server = FakeVault::always(chunked(&file()[..length])).await;
        let stream = server.client().snapshot().await.unwrap();
        let (stream, outcome) = proven(stream, Proof::default(), SnapshotError::of_server);
        let came: backup_core::Result<Vec<_>> = stream.try_collect().await;
        assert_eq!((came.is_ok(), outcome.get().is_some()), (whole, whole), "{length}");
        if let Err(error) = came {
            assert_eq!(error.kind(), backup_core::ErrorKind::SourceFailed);
        }
    }
}

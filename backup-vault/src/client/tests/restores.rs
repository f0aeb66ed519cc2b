//! Snapshots sent to a server, and what becomes of them.

use super::fake::{Dead, FakeVault, SNAPSHOT, Seen, Step, TOKEN, error, json, redirect};
use crate::client::{Mark, RestoredState, VaultErrorKind, Wait};
use backup_core::{Error, ErrorKind, pipeline::ByteStream};
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

fn pieces(sizes: &[usize]) -> ByteStream {
    stream::iter(sizes.to_vec())
        .map(|size| Ok(Bytes::from(vec![7; size])))
        .boxed()
}

const SOON: Wait = Wait {
    every: Duration::from_millis(5),
    at_most: Duration::from_secs(60),
};

const HEALTHY: &str =
    r#"{"initialized":true,"sealed":false,"standby":false,"version":"1.19.3","cluster_name":"c","cluster_id":"c1"}"#;
const SEALED: &str = r#"{"initialized":true,"sealed":true,"standby":true,"version":"1.19.3"}"#;
const THERE: &str = r#"{"data":{"value":"nonce"}}"#;

#[tokio::test]
async fn a_snapshot_is_sent_whole_with_its_length_and_the_token() {
    for (force, path) in [(false, SNAPSHOT.to_owned()), (true, format!("{SNAPSHOT}-force"))] {
        let server = FakeVault::always(json(204, "")).await;
        server
            .client()
            .send_snapshot(pieces(&[300_000, 1, 70_000]), 370_001, force)
            .await
            .unwrap();
        let seen = &server.seen()[0];
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", path.as_str()));
        assert_eq!(
            (seen.header("content-length"), seen.header("transfer-encoding")),
            (Some("370001"), None)
        );
        assert_eq!(seen.header("x-vault-token"), Some(TOKEN));
        assert!(seen.body == vec![7; 370_001]);
    }
}

#[tokio::test]
async fn a_snapshot_of_another_length_or_one_that_breaks_is_never_sent_as_whole() {
    let broken = stream::iter([
        Ok(Bytes::from(vec![7; 10])),
        Err(Error::new(ErrorKind::Damaged, "chunk 3 does not open")),
    ]);
    for (body, message) in [
        (pieces(&[10]), "announced"),
        (pieces(&[10, 11]), "announced"),
        (broken.boxed(), "chunk 3"),
    ] {
        let server = FakeVault::always(json(204, "")).await;
        let failed = server.client().send_snapshot(body, 20, true).await.unwrap_err();
        assert!(failed.to_string().contains(message), "{failed:?}");
        assert!(server.seen().is_empty());
    }
}

#[tokio::test]
async fn refusals_of_a_snapshot_are_told_apart() {
    let other = "could not verify hash file, possibly the snapshot is using a different set of unseal keys; use the snapshot-force API to bypass this check";
    let cases = [
        (error(400, other), ErrorKind::Refused, "--force"),
        (
            error(500, "failed to read request body: i/o timeout"),
            ErrorKind::SourceFailed,
            "http_read_timeout",
        ),
        (
            error(
                500,
                "failed to read or write snapshot data: read tcp 127.0.0.1:8200->127.0.0.1:1: i/o timeout",
            ),
            ErrorKind::SourceFailed,
            "http_read_timeout",
        ),
        (
            vec![Step::Send("HTTP/1.1 413 X\r\nContent-Length: 6\r\n\r\n<html>".into())],
            ErrorKind::SourceFailed,
            "body limit of the proxy",
        ),
        (
            vec![Step::Send("HTTP/1.1 504 X\r\nContent-Length: 6\r\n\r\n<html>".into())],
            ErrorKind::SourceUnreachable,
            "timeout of the proxy",
        ),
        (
            redirect(307, "http://127.0.0.1:1/v1/x"),
            ErrorKind::SourceFailed,
            "election",
        ),
        (error(503, "Vault is sealed"), ErrorKind::SourceFailed, "unseal"),
        (
            error(403, "permission denied"),
            ErrorKind::SourceFailed,
            r#""sys/storage/raft/snapshot-force" { capabilities = ["update"] }"#,
        ),
        (
            error(403, "invalid token"),
            ErrorKind::SourceFailed,
            "`backup-vault policy`",
        ),
    ];
    for (steps, kind, hint) in cases {
        let server = FakeVault::always(steps).await;
        let failed = server
            .client()
            .send_snapshot(pieces(&[10]), 10, false)
            .await
            .unwrap_err();
        assert_eq!(failed.kind(), kind, "{failed:?}");
        assert!(failed.hints()[0].contains(hint), "{failed:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_a_snapshot_is_given_up() {
    let server = FakeVault::always(vec![Step::Hang]).await;
    let failed = server
        .hasty_client()
        .send_snapshot(pieces(&[10]), 10, false)
        .await
        .unwrap_err();
    assert!(failed.to_string().contains("stopped sending"), "{failed:?}");
    assert_eq!(failed.kind(), ErrorKind::SourceUnreachable);
}

/// A server whose answers to `health` and to the marker change with each look; the last stay.
async fn changing(looks: Vec<(Vec<Step>, Vec<Step>)>) -> FakeVault {
    let count = Arc::new(AtomicUsize::new(0));
    FakeVault::start(move |seen: &Seen| {
        let health = seen.path == "/v1/sys/health";
        let look = count.fetch_add(usize::from(health), Ordering::SeqCst);
        let look = if health { look } else { look - 1 };
        let (healthy, marker) = &looks[look.min(looks.len() - 1)];
        if health { healthy.clone() } else { marker.clone() }
    })
    .await
}

/// Of a token that never ends.
fn mark() -> Mark {
    Mark::new("nonce", None, "c1")
}

#[tokio::test]
async fn a_restore_is_done_when_the_marker_is_gone_for_good_and_not_when_the_server_is_healthy() {
    let there = (json(200, HEALTHY), json(200, THERE));
    let gone = (json(200, HEALTHY), error(403, "invalid token"));
    let broken = (json(200, HEALTHY), vec![Step::Reset]);
    let server = changing(vec![there.clone(), there, gone.clone(), broken, gone]).await;
    assert_eq!(
        server.client().await_restored(&mark(), SOON).await.unwrap(),
        RestoredState::InForce
    );
    let looks = server
        .seen()
        .iter()
        .filter(|seen| seen.path == "/v1/sys/health")
        .count();
    assert_eq!(looks, 4 + 3);
}

#[tokio::test]
async fn a_server_that_seals_is_restored_even_if_it_answered_once_more_before() {
    let gone = (json(200, HEALTHY), json(404, r#"{"errors":[]}"#));
    let seals_between = (json(429, HEALTHY), error(503, "Vault is sealed"));
    let sealed = (json(503, SEALED), error(503, "Vault is sealed"));
    for last in [seals_between, sealed] {
        let server = changing(vec![gone.clone(), last]).await;
        assert_eq!(
            server.client().await_restored(&mark(), SOON).await.unwrap(),
            RestoredState::Sealed
        );
    }
}

#[tokio::test]
async fn a_token_that_may_have_ended_by_itself_tells_nothing_and_another_cluster_or_a_missing_marker_does() {
    let ended = |cluster: &str| Mark::new("nonce", Some(Instant::now()), cluster);
    let wait = Wait {
        at_most: Duration::from_millis(200),
        ..SOON
    };
    let unknown = changing(vec![(json(200, HEALTHY), error(403, "invalid token"))]).await;
    let failed = unknown.client().await_restored(&ended("c1"), wait).await.unwrap_err();
    assert_eq!(failed.kind(), VaultErrorKind::Unheard);
    let why = std::error::Error::source(&failed).unwrap().to_string();
    assert!(why.contains("come to its own end"), "{why}");

    let other = unknown.client().await_restored(&ended("c0"), SOON).await;
    assert_eq!(other.unwrap(), RestoredState::InForce);
    let later = Mark::new("nonce", Some(Instant::now() + Duration::from_secs(600)), "c1");
    let known = unknown.client().await_restored(&later, SOON).await;
    assert_eq!(known.unwrap(), RestoredState::InForce);
    let lost = changing(vec![(json(200, HEALTHY), json(404, r#"{"errors":[]}"#))]).await;
    let gone = lost.client().await_restored(&ended("c1"), SOON).await;
    assert_eq!(gone.unwrap(), RestoredState::InForce);
}

#[tokio::test]
async fn a_restore_that_never_comes_into_force_is_an_error() {
    let server = changing(vec![(json(200, HEALTHY), json(200, THERE))]).await;
    let wait = Wait {
        at_most: Duration::from_millis(200),
        ..SOON
    };
    let failed = server.client().await_restored(&mark(), wait).await.unwrap_err();
    assert_eq!(failed.kind(), VaultErrorKind::NotInForce);
    let dead = FakeVault::always(vec![Step::Reset]).await;
    let failed = dead.client().await_restored(&mark(), wait).await.unwrap_err();
    assert_eq!(failed.kind(), VaultErrorKind::Unheard);
    assert!(std::error::Error::source(&failed).is_some());
}

fn leader(own: bool, address: &str) -> Vec<Step> {
    json(
        200,
        &format!(r#"{{"ha_enabled":true,"is_self":{own},"leader_address":"{address}"}}"#),
    )
}

#[tokio::test]
async fn the_leader_is_found_before_a_snapshot_is_sent() {
    let active = FakeVault::start(|seen| match seen.path.as_str() {
        "/v1/sys/leader" => leader(true, ""),
        _ => json(200, HEALTHY),
    })
    .await;
    let at = active.client().at_leader().await.unwrap();
    assert_eq!(at.address().to_string(), active.address);

    let standby = FakeVault::always(leader(false, &active.address)).await;
    let at = standby.client().at_leader().await.unwrap();
    assert_eq!(at.address().to_string(), active.address);

    let dead = Dead::new();
    for (answer, hint) in [
        (leader(false, &dead.address), "api_addr"),
        (leader(false, ""), "election"),
    ] {
        let standby = FakeVault::always(answer).await;
        let failed = standby.client().at_leader().await.unwrap_err();
        assert!(failed.hints()[0].contains(hint), "{failed:?}");
    }
}

#[tokio::test]
async fn the_servers_of_a_cluster_are_listed() {
    let answer = r#"{"data":{"config":{"index":0,"servers":[
{"address":"127.0.0.1:8201","leader":true,"node_id":"node1","protocol_version":"3","voter":true},
{"address":"127.0.0.1:8211","leader":false,"node_id":"node2","protocol_version":"3","voter":true}]}}}"#;
    let server = FakeVault::always(json(200, answer)).await;
    let peers = server.client().raft_peers().await.unwrap();
    let names: Vec<_> = peers.iter().map(|peer| (peer.id.as_str(), peer.leader)).collect();
    assert_eq!(names, [("node1", true), ("node2", false)]);
    assert_eq!(server.seen()[0].path, "/v1/sys/storage/raft/configuration");
}

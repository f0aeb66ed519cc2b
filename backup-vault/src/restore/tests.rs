//! Restores against a server that answers as a test says.

mod switching;

use super::{Restore, RestoreRequest, send};
use crate::{
    client::{
        RestoredState, Wait,
        tests::fake::{Seen, Step, error, json},
    },
    snapshot::{
        Limits, SnapshotFacts, prove,
        tests::writer::{Packed, Snapshot},
    },
    target::tests::kit::{CLUSTER, HEALTHY, Kit, healthy},
};
use backup_core::{ErrorKind, Result, pipeline::ByteStream};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const FORCE: &str = "/v1/sys/storage/raft/snapshot-force";
const SEALED: &str = r#"{"initialized":true,"sealed":true,"standby":true,"version":"1.19.3"}"#;
const ONE: &str = r#"{"data":{"config":{"servers":[{"address":"a:1","leader":true,"node_id":"n1","voter":true}]}}}"#;
const TWO: &str = r#"{"data":{"config":{"servers":[{"address":"a:1","leader":true,"node_id":"n1"},{"address":"b:1","node_id":"n2"}]}}}"#;
const MAY: &str = r#"{"data":{"sys/storage/raft/snapshot":["update"],"sys/storage/raft/snapshot-force":["update"]}}"#;
const MARKER: &str = "/v1/cubbyhole/platform-backup-restore";

fn file() -> Vec<u8> {
    Snapshot::small(Packed::Deflated).file()
}

fn facts() -> SnapshotFacts {
    prove(&file(), 999, Limits::default()).unwrap()
}

fn pieces(bytes: &[u8]) -> ByteStream {
    let pieces: Vec<_> = bytes
        .chunks(100)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces).boxed()
}

fn request() -> RestoreRequest {
    RestoreRequest {
        confirm: Some("vault-cluster-1".into()),
        force: true,
        ..RestoreRequest::default()
    }
}

/// A server that can be restored; `then` answers first.
async fn server(then: impl Fn(&Seen) -> Option<Vec<Step>> + Send + Sync + 'static) -> Kit {
    Kit::answering(move |seen| {
        let known = then(seen).or_else(|| healthy(seen));
        known.unwrap_or_else(|| match seen.path.as_str() {
            "/v1/sys/storage/raft/configuration" => json(200, ONE),
            "/v1/sys/capabilities-self" => json(200, MAY),
            FORCE => json(204, ""),
            MARKER if seen.method == "POST" => json(204, ""),
            _ => json(404, r#"{"errors":[]}"#),
        })
    })
    .await
}

/// Waits for as long as it takes until the restored state is in force or the server is sealed.
async fn restore(kit: &Kit, snapshot: &[u8], request: &RestoreRequest) -> Result<super::Restored> {
    restore_within(kit, snapshot, request, Duration::from_secs(60)).await
}

/// As [`restore`], where it never comes to that: it is given up soon.
async fn restore_in_vain(kit: &Kit, request: &RestoreRequest) -> Result<super::Restored> {
    restore_within(kit, &file(), request, Duration::from_millis(300)).await
}

async fn restore_within(
    kit: &Kit,
    snapshot: &[u8],
    request: &RestoreRequest,
    at_most: Duration,
) -> Result<super::Restored> {
    let facts = facts();
    let wait = Wait {
        every: Duration::from_millis(5),
        at_most,
    };
    let restore = Restore {
        target: &kit.target,
        cx: &kit.cx,
        facts: &facts,
        request,
        wait,
    };
    restore.run(pieces(snapshot)).await
}

fn changed_nothing(kit: &Kit) {
    let touched = kit
        .server
        .seen()
        .into_iter()
        .find(|seen| seen.path == FORCE || seen.path == MARKER);
    assert!(touched.is_none(), "{touched:?}");
}

#[tokio::test]
async fn without_the_name_of_the_target_nothing_is_touched_and_the_name_is_said() {
    for confirm in [None, Some("other".to_owned())] {
        let kit = server(|_| None).await;
        let request = RestoreRequest { confirm, ..request() };
        let refused = restore(&kit, &file(), &request).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
        assert!(refused.hints()[0].contains("--confirm vault-cluster-1"), "{refused:?}");
        changed_nothing(&kit);
    }
}

#[tokio::test]
async fn a_target_that_cannot_be_restored_says_what_to_do() {
    let fresh = r#"{"initialized":false,"sealed":true,"standby":true,"version":"1.19.3"}"#;
    let cases = [
        (
            "/v1/sys/health",
            fresh,
            ErrorKind::SourceFailed,
            "-key-shares=1 -key-threshold=1",
        ),
        ("/v1/sys/health", SEALED, ErrorKind::SourceFailed, "unseal it"),
        (
            "/v1/sys/storage/raft/configuration",
            TWO,
            ErrorKind::Refused,
            "fresh server",
        ),
        (
            "/v1/sys/capabilities-self",
            r#"{"data":{}}"#,
            ErrorKind::SourceFailed,
            "snapshot-force",
        ),
    ];
    for (path, answer, kind, hint) in cases {
        let kit = server(move |seen| (seen.path == path).then(|| json(200, answer))).await;
        let refused = restore(&kit, &file(), &request()).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{refused:?}");
        assert!(refused.hints()[0].contains(hint), "{refused:?}");
        changed_nothing(&kit);
    }
}

#[tokio::test]
async fn a_look_before_a_restore_changes_nothing() {
    let kit = server(|_| None).await;
    let request = RestoreRequest {
        confirm: None,
        ..request()
    };
    let looked = kit.target.preflight(&kit.cx, &facts(), &request).await.unwrap();
    assert_eq!(
        (looked.cluster_name.as_str(), looked.cluster_id.as_str()),
        ("vault-cluster-1", CLUSTER)
    );
    assert_eq!((looked.peers.len(), looked.leader), (1, kit.server.address.clone()));
    // The snapshot's seal is awskms, the target's shamir.
    assert!(looked.findings[0].message.contains("awskms"));
    assert!(
        kit.server
            .seen()
            .iter()
            .all(|seen| seen.method == "GET" || seen.path.ends_with("capabilities-self"))
    );
}

/// Sealed from the `n`th look at its health on, once it was sent a snapshot.
fn seals_after(looks: usize, unseals_after: usize) -> impl Fn(&Seen) -> Option<Vec<Step>> + Send + Sync {
    let (sent, seen_health) = (AtomicUsize::new(0), AtomicUsize::new(0));
    move |seen: &Seen| match seen.path.as_str() {
        FORCE => {
            sent.store(1, Ordering::SeqCst);
            None
        }
        "/v1/sys/health" if sent.load(Ordering::SeqCst) == 1 => {
            let look = seen_health.fetch_add(1, Ordering::SeqCst);
            let sealed = (looks..unseals_after).contains(&look);
            Some(json(200, if sealed { SEALED } else { HEALTHY }))
        }
        MARKER if seen.method == "GET" => Some(json(200, r#"{"data":{"value":"other"}}"#)),
        _ => None,
    }
}

#[tokio::test]
async fn the_whole_snapshot_is_sent_after_the_marker_and_a_sealed_server_asks_for_the_original_keys() {
    let kit = server(seals_after(2, usize::MAX)).await;
    let restored = restore(&kit, &file(), &request()).await.unwrap();
    assert_eq!(restored.state, RestoredState::Sealed);
    assert_eq!((restored.seal.threshold, restored.seal.shares), (3, 5));
    // The fake still has the seal of before: 1 of 1, and not the 4 of 7 recovery keys of the snapshot.
    assert!(restored.restart_first);
    assert!(
        restored
            .findings
            .last()
            .unwrap()
            .message
            .contains("1 of 1 keys as before")
    );
    let names: Vec<_> = restored.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(names, ["check", "send", "switch"]);
    assert!(restored.next_steps[0].contains("ORIGINAL"), "{:?}", restored.next_steps);
    assert!(restored.next_steps.iter().any(|step| step.contains("leases")));
    let seen = kit.server.seen();
    let place = |path: &str| {
        seen.iter()
            .position(|seen| seen.path == path && seen.method == "POST")
            .unwrap()
    };
    assert!(place(MARKER) < place(FORCE));
    assert!(seen[place(FORCE)].body == file());
}

#[tokio::test]
async fn the_next_steps_are_to_join_the_others_to_revoke_tokens_to_watch_leases_and_to_make_a_new_token() {
    let sealed = server(seals_after(2, usize::MAX)).await;
    let in_force = server(|_| None).await;
    for (kit, state, before) in [
        (sealed, RestoredState::Sealed, 1),
        (in_force, RestoredState::InForce, 0),
    ] {
        let restored = restore(&kit, &file(), &request()).await.unwrap();
        let steps = &restored.next_steps;
        assert_eq!((restored.state, steps.len()), (state, before + 4), "{steps:?}");
        let join = format!("`vault operator raft join {}`", kit.server.address);
        let wanted = [
            &join[..],
            "revoke the tokens that were valid when the snapshot was taken",
            "watch the leases",
            "make a new token for backups and revoke the old one",
        ];
        for (step, text) in steps[before..].iter().zip(wanted) {
            assert!(step.contains(text), "{text}: {steps:?}");
        }
    }
}

#[tokio::test]
async fn once_unsealed_the_cluster_is_named_and_its_secrets_are_listed() {
    let sealing = seals_after(1, 3);
    let kit = server(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/v1/sys/internal/ui/mounts/secret/platform/iam/") => Some(json(
            200,
            r#"{"data":{"path":"secret/","type":"kv","options":{"version":"2"}}}"#,
        )),
        ("LIST", "/v1/secret/metadata/platform/iam/") => Some(json(200, r#"{"data":{"keys":["db","oidc/"]}}"#)),
        _ => sealing(seen),
    })
    .await;
    let request = RestoreRequest {
        wait_unsealed: Some(Duration::from_secs(30)),
        verify_path: Some("secret/platform/iam/".into()),
        ..request()
    };
    let restored = restore(&kit, &file(), &request).await.unwrap();
    assert_eq!(restored.state, RestoredState::InForce);
    assert_eq!(
        (restored.is_cluster(CLUSTER), restored.is_cluster("x")),
        (Some(true), Some(false))
    );
    assert_eq!(restored.listing.as_ref().unwrap().names, ["db", "oidc/"]);
    // What was to be said of its seal is over.
    assert!(!restored.restart_first && restored.findings.is_empty(), "{restored:?}");
    assert!(!kit.log.text().contains("as before"), "{}", kit.log.text());
    let names: Vec<_> = restored.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(names, ["check", "send", "switch", "unseal", "list"]);
}

#[tokio::test]
async fn the_token_of_the_restored_cluster_is_read_after_the_restore_and_lists() {
    let kit = server(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", MARKER) => Some(error(403, "permission denied\n\ninvalid token")),
        (_, path) if path.starts_with("/v1/s") && path.contains("platform/iam") => {
            Some(match seen.header("x-vault-token") {
                Some("hvs.of-then") if seen.method == "LIST" => json(200, r#"{"data":{"keys":["db"]}}"#),
                Some("hvs.of-then") => json(
                    200,
                    r#"{"data":{"path":"secret/","type":"kv","options":{"version":"1"}}}"#,
                ),
                _ => error(403, "permission denied"),
            })
        }
        _ => None,
    })
    .await;
    let file_of = |name: &str| Some(kit.folder.path().join(name));
    std::fs::write(file_of("token").unwrap(), "hvs.of-then\n").unwrap();
    let mode = |mode| std::fs::set_permissions(file_of("token").unwrap(), Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    let listing = |verify_token_file| RestoreRequest {
        verify_path: Some("secret/platform/iam/".into()),
        verify_token_file,
        ..request()
    };
    let listed = restore(&kit, &file(), &listing(file_of("token"))).await.unwrap();
    assert_eq!(listed.listing.unwrap().names, ["db"]);
    for none in [None, file_of("missing")] {
        let unlisted = restore(&kit, &file(), &listing(none)).await.unwrap();
        assert!(unlisted.listing.is_none());
        let hint = unlisted.findings.last().unwrap().hint.as_deref().unwrap();
        assert!(hint.contains("--verify-token-file"), "{hint}");
    }
    mode(0o604);
    let open_to_all = restore(&kit, &file(), &listing(file_of("token"))).await.unwrap();
    let message = &open_to_all.findings.last().unwrap().message;
    assert!(
        open_to_all.listing.is_none() && message.contains("others may read"),
        "{message}"
    );
}

/// With the seal of the snapshot, and 1 of 1 keys in the place of its 4 of 7.
const FEWER_KEYS: &str =
    r#"{"type":"awskms","initialized":true,"sealed":false,"t":1,"n":1,"version":"1.19.3","storage_type":"raft"}"#;

#[tokio::test]
async fn a_forced_restore_onto_other_key_numbers_foretells_the_restart_before_anything_is_sent_and_once() {
    let sealing = seals_after(2, usize::MAX);
    let fewer = |seen: &Seen| (seen.path == "/v1/sys/seal-status").then(|| json(200, FEWER_KEYS));
    let kit = server(move |seen| fewer(seen).or_else(|| sealing(seen))).await;
    let looked = kit.target.preflight(&kit.cx, &facts(), &request()).await.unwrap();
    assert!(looked.restart_first);
    let told = "1 of 1 keys, the snapshot was made with 4 of 7: once restored it must be started again";
    assert!(looked.findings[0].message.contains(told), "{looked:?}");

    let unforced = RestoreRequest {
        force: false,
        ..request()
    };
    let unforced = kit.target.preflight(&kit.cx, &facts(), &unforced).await.unwrap();
    assert!(
        !unforced.restart_first && unforced.findings[0].message.contains("refuse it"),
        "{unforced:?}"
    );

    let restored = restore(&kit, &file(), &request()).await.unwrap();
    assert!(restored.restart_first && restored.next_steps[0].contains("restart it"));
    assert_eq!(restored.findings, looked.findings);
    let log = kit.log.text();
    assert_eq!(log.matches("started again").count(), 1, "{log}");
    assert!(log.find("started again") < log.find("sending the snapshot"), "{log}");
}

#[tokio::test]
async fn a_restore_that_nobody_unseals_is_done_with_a_finding() {
    let kit = server(seals_after(1, usize::MAX)).await;
    let request = RestoreRequest {
        wait_unsealed: Some(Duration::ZERO),
        ..request()
    };
    let restored = restore(&kit, &file(), &request).await.unwrap();
    assert_eq!(restored.state, RestoredState::Sealed);
    assert!(
        restored
            .findings
            .iter()
            .any(|finding| finding.message.contains("nobody has unsealed it"))
    );
}

#[tokio::test]
async fn a_snapshot_of_other_bytes_never_reaches_vault_whole() {
    let mut flipped = file();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let longer = [file(), vec![0]].concat();
    for bytes in [flipped, longer, file()[..last].to_vec(), Vec::new()] {
        let kit = server(|_| None).await;
        let failed = restore(&kit, &bytes, &request()).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Damaged, "{failed:?}");
        assert_eq!(kit.asked(FORCE), 0);
        let sent: Vec<_> = send::matching(pieces(&bytes), &facts())
            .filter_map(|piece| async { piece.ok() })
            .collect()
            .await;
        assert!(sent.concat().len() < file().len());
    }
    let same: Vec<Bytes> = send::matching(pieces(&file()), &facts()).try_collect().await.unwrap();
    assert!(same.concat() == file());
}

#[tokio::test]
async fn a_snapshot_of_another_cluster_is_refused_with_the_reason() {
    let refusal = "could not verify hash file, possibly the snapshot is using a different set of unseal keys; use the snapshot-force API to bypass this check";
    let kit = server(move |seen| (seen.path == "/v1/sys/storage/raft/snapshot").then(|| error(400, refusal))).await;
    let request = RestoreRequest {
        force: false,
        ..request()
    };
    let failed = restore(&kit, &file(), &request).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Refused);
    assert!(failed.hints()[0].contains("--force"));
}

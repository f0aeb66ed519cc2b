//! Snapshots of a live cluster.

use crate::fixture::{Kit, confirmed, until};
use backup_core::{ErrorKind, catalog::Depth, run::verify, target::BackupTarget};
use backup_tests::Vault;
use backup_vault::{RestoreRequest, SnapshotDetails, client::RestoredState};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

#[tokio::test]
async fn a_standby_leads_to_its_leader_and_a_cluster_of_three_is_not_restored_unasked() {
    let cluster = Vault::cluster(3);
    let (leader, standby) = (&cluster[0], &cluster[2]);
    let kit = Kit::new();
    let target = kit.root(standby);
    let manifest = kit.backup(&target).await.unwrap().manifest;
    let details = SnapshotDetails::of(&manifest.artifacts[0]).unwrap();
    assert_eq!((details.leader, details.peers.len()), (leader.address(), 3));
    let findings = target.check(&kit.cx).await.unwrap();
    let leads = findings.iter().find(|finding| finding.subject == "leader").unwrap();
    assert_eq!(leads.message, leader.address());

    let request = confirmed(standby, true);
    let refused = kit.restore(&manifest, &target, &request).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.to_string().contains("3 servers"), "{refused:?}");
    let asked = RestoreRequest {
        allow_many_peers: true,
        ..request
    };
    let facts = crate::fixture::facts(kit.stored(&manifest).await).await;
    let looked = target.preflight(&kit.cx, &facts, &asked).await.unwrap();
    assert_eq!((looked.leader, looked.peers.len()), (leader.address(), 3));
}

#[tokio::test]
async fn asked_of_a_standby_a_cluster_goes_back_to_its_own_snapshot_and_what_is_called_in_force_is_there() {
    let cluster = Vault::cluster(3);
    let (leader, standby) = (&cluster[0], &cluster[2]);
    leader.write("sys/mounts/secret", &json!({ "type": "kv" }));
    leader.write("secret/before", &json!({ "value": "kept" }));
    let kit = Kit::new();
    let target = kit.root(standby);
    let manifest = kit.backup(&target).await.unwrap().manifest;
    leader.write("secret/before", &json!({ "value": "changed" }));
    leader.write("secret/after", &json!({ "value": "new" }));

    let request = RestoreRequest {
        allow_many_peers: true,
        ..confirmed(standby, false)
    };
    let restored = kit.restore(&manifest, &target, &request).await.unwrap();
    // Asked at once, without another moment to wait.
    let before = leader.read_as(leader.root_token(), "secret/before");
    let after = leader.request("GET", "secret/after", &Value::Null);
    assert_eq!(
        (restored.state, &restored.server),
        (RestoredState::InForce, &leader.address())
    );
    assert_eq!((&before["data"]["value"], after.0), (&"kept".into(), 404), "{after:?}");
    assert_eq!(restored.is_cluster(&manifest.lineage), Some(true));
}

#[tokio::test]
async fn snapshots_are_whole_while_writes_run() {
    let server = Arc::new(Vault::ready());
    server.write(
        "sys/mounts/secret",
        &json!({ "type": "kv", "options": { "version": "1" } }),
    );
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writer = {
        let (server, stop, written) = (server.clone(), stop.clone(), written.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let n = written.fetch_add(1, Ordering::SeqCst);
                server.write(
                    &format!("secret/{}", n % 500),
                    &json!({ "n": n, "text": "x".repeat(3000) }),
                );
            }
        })
    };
    let kit = Kit::new();
    let target = kit.root(&server);
    let mut before = None;
    for _ in 0..4 {
        let from = written.load(Ordering::SeqCst);
        until("thirty writes", || written.load(Ordering::SeqCst) >= from + 30).await;
        let report = kit.backup(&target).await.unwrap();
        assert!(
            verify(&kit.cx, &target, &report.manifest, Depth::Content)
                .await
                .is_good()
        );
        let index = SnapshotDetails::of(&report.manifest.artifacts[0]).unwrap().raft_index;
        assert!(before < Some(index));
        before = Some(index);
    }
    stop.store(true, Ordering::SeqCst);
    writer.join().unwrap();
}

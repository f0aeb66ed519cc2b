use super::kit::{Kit, NO_PATIENCE, TARGET, backup, backup_with, begin, manifest};
use crate::{
    ErrorKind, Result,
    catalog::{State, commit, layout, lease, list, started},
    testing::{FaultyStore, MemoryOptions, MemoryStore},
};
use futures::TryStreamExt;
use std::{sync::Arc, time::Duration};

async fn ids(kit: &Kit) -> usize {
    list::ids(&kit.cx).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn a_condemned_run_withdraws_its_manifest() {
    for kit in Kit::both() {
        let run = begin(&kit.cx, NO_PATIENCE).await.unwrap();
        let marker = started::read(&kit.cx, &run.claim.marker())
            .await
            .unwrap()
            .unwrap()
            .value;
        started::condemn(&kit.cx, &marker).await.unwrap();
        let manifest = manifest(&kit.cx, &run.repository, &run.claim, 1);
        let error = commit(&kit.cx, &run.repository, &run.lease, &run.claim, &manifest)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert_eq!(ids(&kit).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_condemned_while_it_commits_withdraws_its_manifest() {
    let [kit, _] = Kit::both();
    let run = begin(&kit.cx, NO_PATIENCE).await.unwrap();
    let marker = started::read(&kit.cx, &run.claim.marker())
        .await
        .unwrap()
        .unwrap()
        .value;
    let (cx, memory, id) = (kit.cx.clone(), kit.memory.clone(), run.claim.id);
    let condemn = tokio::spawn(async move {
        while memory.peek(&layout::manifest(id)).is_none() {
            tokio::task::yield_now().await;
        }
        started::condemn(&cx, &marker).await.unwrap();
    });
    let manifest = manifest(&kit.cx, &run.repository, &run.claim, 1);
    let committed = commit(&kit.cx, &run.repository, &run.lease, &run.claim, &manifest).await;
    condemn.await.unwrap();
    assert_eq!(committed.unwrap_err().kind(), ErrorKind::Refused);
    assert!(kit.memory.peek(&layout::manifest(id)).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_may_not_be_deleted_is_withdrawn_by_overwriting_it() {
    let kit = Kit::new(MemoryOptions {
        deletes: false,
        ..MemoryOptions::default()
    });
    let run = begin(&kit.cx, NO_PATIENCE).await.unwrap();
    let mut manifest = manifest(&kit.cx, &run.repository, &run.claim, 1);
    // Found only after the manifest was written.
    manifest.parents.push("20200101_000000".parse().unwrap());
    let committed = commit(&kit.cx, &run.repository, &run.lease, &run.claim, &manifest).await;
    assert_eq!(committed.unwrap_err().kind(), ErrorKind::Refused);
    let entry = list::entry(&kit.cx, &run.repository, run.claim.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(entry.state(), State::Damaged);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_lost_its_lease_does_not_commit() {
    for kit in Kit::both() {
        let run = begin(&kit.cx, NO_PATIENCE).await.unwrap();
        lease::unlock(&kit.cx, TARGET).await.unwrap();
        let manifest = manifest(&kit.cx, &run.repository, &run.claim, 1);
        let error = commit(&kit.cx, &run.repository, &run.lease, &run.claim, &manifest)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert_eq!(ids(&kit).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_whose_parent_was_deleted_is_withdrawn() {
    let [kit, _] = Kit::both();
    let parent = backup(&kit.cx).await.unwrap();
    backup_with(&kit.cx, |manifest| manifest.parents.push(parent))
        .await
        .unwrap();
    kit.memory.remove(&layout::manifest(parent));
    let error = backup_with(&kit.cx, |manifest| manifest.parents.push(parent))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(ids(&kit).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_claims_what_the_run_did_not_is_refused() {
    let [kit, _] = Kit::both();
    for key in ["c.pbe", "../x"] {
        let changed = backup_with(&kit.cx, |manifest| {
            manifest.artifacts[0].objects[0].key = format!("{}/{key}", manifest.id)
        });
        assert_eq!(changed.await.unwrap_err().kind(), ErrorKind::Internal);
    }
    let elsewhere = backup_with(&kit.cx, |manifest| {
        manifest.artifacts[0].objects[0].key = "files/x".into()
    });
    assert_eq!(elsewhere.await.unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(ids(&kit).await, 0);
}

/// Runs a whole backup of which one store call meets `fault`; whether it succeeded, unless it died.
async fn run(kit: &Kit, store: FaultyStore<MemoryStore>) -> Option<Result<crate::id::BackupId>> {
    let cx = kit.on(Arc::new(store));
    tokio::time::timeout(Duration::from_secs(3600), backup(&cx)).await.ok()
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_call_of_a_run_leaves_a_whole_backup_or_none() {
    for which in 0..2 {
        for fault in crate::catalog::tests::FAULTS {
            for call in 0.. {
                let kit = &Kit::both()[which];
                let store = FaultyStore::new(Arc::new(kit.memory.clone())).failing_at(call, fault);
                let outcome = run(kit, store.clone()).await;
                check(kit, &outcome).await;
                if call >= store.calls() {
                    break;
                }
            }
        }
    }
}

/// What exists is whole; and the next run, after a while, works.
async fn check(kit: &Kit, outcome: &Option<Result<crate::id::BackupId>>) {
    let found = list::ids(&kit.cx).await.unwrap();
    assert!(found.len() <= 1);
    if let Some(Ok(id)) = outcome {
        assert_eq!(found, [*id]);
    }
    if let Some(repository) = super::super::Repository::open(&kit.cx).await.unwrap() {
        let entries: Vec<_> = list::entries(&kit.cx, &repository)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        for key in entries
            .iter()
            .flat_map(|entry| entry.manifest.as_ref().unwrap().value.owned_keys())
        {
            assert!(kit.memory.peek(&key).is_some());
        }
    }
    let next = backup(&kit.cx).await.unwrap();
    assert_eq!(list::ids(&kit.cx).await.unwrap()[0], next);
}

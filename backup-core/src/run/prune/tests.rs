mod history;

use super::*;
use crate::{
    Context, ErrorKind, Result,
    catalog::{
        Lease, StartedMarker, document, layout, list, started,
        tests::kit::{Kit, NO_PATIENCE, TARGET, backup, backup_with, begin, holder, manifest, ring, seaweed},
    },
    id::BackupId,
    retention::Reason,
    store::Key,
    testing::{FaultyStore, MemoryOptions},
};
use std::sync::Arc;

const LAST_1: Policy = Policy {
    keep_days: None,
    keep_last: Some(1),
    keep_daily: None,
    keep_weekly: None,
    keep_monthly: None,
};

async fn request(cx: &Context) -> PruneRequest {
    PruneRequest {
        repository: Repository::open_or_create(cx, &holder()).await.unwrap(),
        target: TARGET.into(),
        policy: LAST_1,
        holder: holder(),
        patience: Duration::from_secs(100),
    }
}

async fn pruned(cx: &Context) -> Result<PruneReport> {
    prune(cx, &request(cx).await).await
}

/// A run that dies before it commits.
async fn dies(kit: &Kit) -> BackupId {
    let run = begin(&kit.cx, Duration::from_secs(100)).await.unwrap();
    drop(kit.cx.store.upload(&run.claim.keys[1].with(".0002")).await.unwrap());
    run.claim.id
}

#[tokio::test(start_paused = true)]
async fn an_expired_backup_goes_with_all_it_owns_and_nothing_else() {
    for kit in Kit::both() {
        let old = backup(&kit.cx).await.unwrap();
        let foreign = Key::from(format!("{old}/notes.txt"));
        kit.memory.plant(&foreign, "old");
        kit.memory
            .plant(&Key::from("20250101_000000/platform_money.dump"), "old");
        let kept = backup(&kit.cx).await.unwrap();
        let report = pruned(&kit.cx).await.unwrap();
        assert_eq!(
            (report.expired.as_slice(), report.removed.objects),
            ([old].as_slice(), 2)
        );
        let names = kit.names();
        let left: Vec<_> = names.iter().filter(|name| name.contains(&old.to_string())).collect();
        assert_eq!(left, [&foreign.to_string()]);
        assert_eq!(names.iter().filter(|name| name.contains(&kept.to_string())).count(), 4);
        assert!(names.contains(&"20250101_000000/platform_money.dump".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_writes_nothing_and_says_what_a_real_one_does() {
    let [kit, _] = Kit::both();
    let old = backup(&kit.cx).await.unwrap();
    backup(&kit.cx).await.unwrap();
    let before = kit.memory.keys();
    let request = request(&kit.cx).await;
    let plan = plan_prune(&kit.cx, &request, kit.cx.clock.now(), None).await.unwrap();
    assert_eq!(kit.memory.keys(), before);
    assert_eq!(plan.backups[1].reason, Reason::Expired);
    let report = prune(&kit.cx, &request).await.unwrap();
    assert_eq!((report.plan, report.expired), (plan, vec![old]));
}

#[tokio::test(start_paused = true)]
async fn a_dead_run_is_removed_after_a_day_and_not_before() {
    for kit in Kit::both() {
        backup(&kit.cx).await.unwrap();
        let before = kit.names();
        let dead = dies(&kit).await;
        kit.hours(23);
        let report = pruned(&kit.cx).await.unwrap();
        assert!(matches!(&report.plan.orphans[..], [Orphan { id, verdict: Verdict::Keep(_) }] if *id == dead));
        assert_eq!(kit.names().len(), before.len() + 3);
        kit.hours(2);
        let report = pruned(&kit.cx).await.unwrap();
        assert_eq!(
            (report.orphans.as_slice(), report.removed.uploads),
            ([dead].as_slice(), 1)
        );
        assert_eq!(kit.names(), before);
        assert_eq!(kit.memory.unfinished(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_at_work_for_days_is_spared() {
    for kit in Kit::both() {
        let run = begin(&kit.cx, NO_PATIENCE).await.unwrap();
        tokio::time::sleep(Duration::from_secs(30 * 3600)).await;
        let locked = prune(
            &kit.cx,
            &PruneRequest {
                patience: NO_PATIENCE,
                ..request(&kit.cx).await
            },
        )
        .await;
        assert_eq!(locked.unwrap_err().kind(), ErrorKind::Locked);
        let other = PruneRequest {
            target: "postgres.base".into(),
            ..request(&kit.cx).await
        };
        prune(&kit.cx, &other).await.unwrap();
        let manifest = manifest(&kit.cx, &run.repository, &run.claim, 1);
        crate::catalog::commit(&kit.cx, &run.repository, &run.lease, &run.claim, &manifest)
            .await
            .unwrap();
        run.lease.release().await.unwrap();
        assert_eq!(kit.names().len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_only_taken_for_dead_does_not_commit() {
    for kit in Kit::both() {
        let run = begin(&kit.cx, NO_PATIENCE).await.unwrap();
        crate::catalog::lease::unlock(&kit.cx, TARGET).await.unwrap();
        kit.hours(25);
        pruned(&kit.cx).await.unwrap();
        let manifest = manifest(&kit.cx, &run.repository, &run.claim, 1);
        let error = crate::catalog::commit(&kit.cx, &run.repository, &run.lease, &run.claim, &manifest).await;
        assert!(matches!(
            error.unwrap_err().kind(),
            ErrorKind::Locked | ErrorKind::Refused
        ));
        assert!(kit.names().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stray_marker_beside_a_backup_never_costs_the_backup() {
    let [kit, _] = Kit::both();
    let id = backup(&kit.cx).await.unwrap();
    let marker = kit
        .names()
        .iter()
        .find_map(|name| name.starts_with("_pbe/started/").then(|| Key::from(name.as_str())));
    let mut stray: StartedMarker = started::read(&kit.cx, &marker.unwrap()).await.unwrap().unwrap().value;
    stray.nonce = crate::id::Id16([9; 16]);
    started::write(&kit.cx, &stray).await.unwrap();
    kit.hours(48);
    let report = pruned(&kit.cx).await.unwrap();
    assert!(report.orphans.is_empty() && report.expired.is_empty());
    assert_eq!(list::ids(&kit.cx).await.unwrap(), [id]);
    assert_eq!(kit.names().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_signed_by_a_known_key_is_never_pruned() {
    let [kit, _] = Kit::both();
    let mut stranger = kit.cx.clone();
    stranger.keyring = None;
    for keyring in [None, Some(ring(9))] {
        stranger.keyring = keyring;
        backup(&stranger).await.unwrap();
        let dead = begin(&stranger, Duration::from_secs(100)).await.unwrap();
        dead.lease.release().await.unwrap();
    }
    backup(&kit.cx).await.unwrap();
    kit.hours(48);
    let before = kit.names();
    let report = pruned(&kit.cx).await.unwrap();
    assert_eq!(kit.names(), before);
    assert!(
        report
            .plan
            .backups
            .iter()
            .skip(1)
            .all(|decision| decision.reason == Reason::NotAuthentic)
    );
    assert_eq!(report.plan.orphans.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn backups_of_other_targets_are_untouched() {
    let [kit, _] = Kit::both();
    for _ in 0..3 {
        backup_with(&kit.cx, |manifest| manifest.target = "postgres.base".into())
            .await
            .unwrap();
        backup(&kit.cx).await.unwrap();
    }
    let report = pruned(&kit.cx).await.unwrap();
    assert_eq!((report.expired.len(), report.plan.backups.len()), (2, 3));
    assert_eq!(list::ids(&kit.cx).await.unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_fast_clock_here_expires_nothing_that_is_young_by_the_stores() {
    let [kit, _] = Kit::both();
    backup(&kit.cx).await.unwrap();
    backup(&kit.cx).await.unwrap();
    let mut cx = kit.cx.clone();
    cx.clock = Arc::new(crate::testing::ManualClock::at("2036-01-01T00:00:00Z".parse().unwrap()));
    let policy = Policy {
        keep_days: Some(30),
        ..Policy::default()
    };
    let request = PruneRequest {
        policy,
        ..request(&cx).await
    };
    assert!(prune(&cx, &request).await.unwrap().expired.is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_delete_pruning_fails_and_the_backup_stays() {
    let kit = Kit::new(MemoryOptions {
        deletes: false,
        ..MemoryOptions::default()
    });
    backup(&kit.cx).await.unwrap();
    backup(&kit.cx).await.unwrap();
    assert_eq!(pruned(&kit.cx).await.unwrap_err().kind(), ErrorKind::StoreFailed);
    assert_eq!(list::ids(&kit.cx).await.unwrap().len(), 2);
}

/// A repository with an expired backup, a kept one, a dead run, and somebody else's files.
async fn crowded(which: usize) -> (Kit, BackupId) {
    let [a, b] = Kit::both();
    let kit = if which == 0 { a } else { b };
    backup(&kit.cx).await.unwrap();
    dies(&kit).await;
    let kept = backup(&kit.cx).await.unwrap();
    kit.memory.plant(&Key::from(format!("{kept}/notes.txt")), "old");
    kit.memory.plant(&Key::from("readme.txt"), "old");
    kit.hours(25);
    (kit, kept)
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_call_of_a_prune_is_made_good_by_the_next() {
    for which in 0..2 {
        for fault in crate::catalog::tests::FAULTS {
            for call in 0.. {
                let (kit, kept) = crowded(which).await;
                let request = request(&kit.cx).await;
                let store = FaultyStore::new(Arc::new(kit.memory.clone())).failing_at(call, fault);
                let cx = kit.on(Arc::new(store.clone()));
                // Whether it fails, succeeds or hangs: the next one makes it good.
                drop(tokio::time::timeout(Duration::from_secs(3600), prune(&cx, &request)).await);
                whole(&kit);
                kit.hours(25);
                pruned(&kit.cx).await.unwrap();
                let left = kit.names();
                assert_eq!(left.len(), 6, "{fault:?} at call {call}: {left:?}");
                assert!(
                    left.iter()
                        .all(|name| name.contains(&kept.to_string()) || name == "readme.txt")
                );
                assert_eq!(kit.memory.unfinished(), 0);
                if call >= store.calls() {
                    break;
                }
            }
        }
    }
}

/// Every backup that exists has its data. Looks without giving way, so that it sees one moment.
fn whole(kit: &Kit) {
    for id in manifests(kit) {
        let bytes = kit.memory.peek(&layout::manifest(id)).unwrap();
        let manifest = document::decode::<crate::catalog::Manifest>(&bytes, None)
            .unwrap()
            .value;
        for key in manifest.owned_keys() {
            assert!(kit.memory.peek(&key).is_some(), "{key} of {id}");
        }
    }
}

fn manifests(kit: &Kit) -> Vec<BackupId> {
    let keys = kit.memory.keys();
    let ids = keys.iter().filter_map(|key| layout::split_id(key, layout::MANIFESTS));
    ids.map(|(id, _)| id).collect()
}

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
    run::backup::tests::fake::Fake,
    store::Key,
    testing::{FaultyStore, Leniency, LenientStore, MemoryOptions, UploadListing},
};
use std::sync::Arc;

const LAST_1: Policy = Policy {
    keep_days: None,
    keep_last: Some(1),
    keep_hourly: None,
    keep_daily: None,
    keep_weekly: None,
    keep_monthly: None,
};

async fn request(cx: &Context) -> Result<PruneRequest> {
    Ok(PruneRequest {
        repository: Repository::open_or_create(cx, &holder()).await?,
        policy: LAST_1,
        holder: holder(),
        patience: Duration::from_secs(100),
    })
}

async fn pruned(cx: &Context) -> Result<PruneReport> {
    prune(cx, &Fake::default(), &request(cx).await?).await
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
    let request = request(&kit.cx).await.unwrap();
    let plan = plan_prune(&kit.cx, &Fake::default(), &request, kit.cx.clock.now(), None)
        .await
        .unwrap();
    assert_eq!(kit.memory.keys(), before);
    assert_eq!(plan.backups[1].reason, Reason::Expired);
    let report = prune(&kit.cx, &Fake::default(), &request).await.unwrap();
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
            &Fake::default(),
            &PruneRequest {
                patience: NO_PATIENCE,
                ..request(&kit.cx).await.unwrap()
            },
        )
        .await;
        assert_eq!(locked.unwrap_err().kind(), ErrorKind::Locked);
        let other = Fake {
            name: "postgres.base",
            ..Fake::default()
        };
        prune(&kit.cx, &other, &request(&kit.cx).await.unwrap()).await.unwrap();
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
async fn a_manifest_that_comes_while_its_data_is_deleted_goes_too() {
    for turns in 0.. {
        let [kit, _] = Kit::both();
        backup(&kit.cx).await.unwrap();
        let run = begin(&kit.cx, NO_PATIENCE).await.unwrap();
        let id = run.claim.id;
        let manifest = manifest(&kit.cx, &run.repository, &run.claim, 1);
        let bytes = document::encode(&manifest, kit.cx.keyring.as_deref()).unwrap();
        run.lease.release().await.unwrap();
        kit.hours(25);
        let store = FaultyStore::new(Arc::new(kit.memory.clone()));
        let (cx, request) = (kit.on(Arc::new(store.clone())), request(&kit.cx).await.unwrap());
        let pruning = tokio::spawn(async move { prune(&cx, &Fake::default(), &request).await });
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let log = store.log();
        let deletes = log.iter().position(|call| call.starts_with(&format!("delete {id}/")));
        let looks = |from: usize| log[from..].contains(&format!("head {}", layout::manifest(id)));
        if deletes.is_some_and(looks) {
            // From its last look on the marker is about to go, which a run that lives would see.
            assert!(turns > 10);
            break;
        }
        // The run is killed right after its last request, and so never looks at its marker again.
        kit.memory.plant(&layout::manifest(id), bytes);
        pruning.await.unwrap().unwrap();
        whole(&kit);
    }
}

#[tokio::test(start_paused = true)]
async fn what_lands_late_for_an_abandoned_run_is_removed_without_waiting_a_day() {
    for kit in Kit::both() {
        backup(&kit.cx).await.unwrap();
        let before = kit.names();
        let run = begin(&kit.cx, NO_PATIENCE).await.unwrap();
        run.claim.abandon(&kit.cx).await.unwrap();
        run.lease.release().await.unwrap();
        kit.memory.plant(&run.claim.keys[0], "landed late");
        assert!(pruned(&kit.cx).await.unwrap().orphans.is_empty());
        assert_eq!(kit.names().len(), before.len() + 2, "more may land yet");
        kit.clock.advance(jiff::SignedDuration::from_mins(16));
        assert_eq!(pruned(&kit.cx).await.unwrap().orphans, [run.claim.id]);
        assert_eq!(kit.names(), before);
    }
}

/// The started marker of `id`.
fn marker_of(kit: &Kit, id: BackupId) -> Key {
    let folder = layout::markers(id);
    let mut keys = kit.memory.keys().into_iter();
    keys.find(|key| key.strip_prefix(&folder).is_some()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_marker_that_cannot_be_read_costs_nothing_and_stops_nothing() {
    let [kit, _] = Kit::both();
    let old = [backup(&kit.cx).await.unwrap(), backup(&kit.cx).await.unwrap()];
    let kept = backup(&kit.cx).await.unwrap();
    let spoiled = marker_of(&kit, old[0]);
    kit.memory.plant(&spoiled, "junk");
    let report = pruned(&kit.cx).await.unwrap();
    assert_eq!(report.expired, [old[1], old[0]]);
    assert!(kit.log.text().contains(&spoiled.to_string()));
    let names = kit.names();
    assert!(names.contains(&spoiled.to_string()));
    assert_eq!(
        names.iter().filter(|name| !name.contains(&kept.to_string())).count(),
        1,
        "{names:?}"
    );
    pruned(&kit.cx).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_cannot_be_pruned_does_not_stop_the_others() {
    let [kit, _] = Kit::both();
    let old = [backup(&kit.cx).await.unwrap(), backup(&kit.cx).await.unwrap()];
    let kept = backup(&kit.cx).await.unwrap();
    for number in 0..1001 {
        kit.memory
            .plant(&layout::markers(old[1]).with(format!("{number:032}")), "junk");
    }
    let error = pruned(&kit.cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains(&old[1].to_string()), "{error}");
    assert_eq!(list::ids(&kit.cx).await.unwrap(), [kept, old[1]]);
}

#[tokio::test(start_paused = true)]
async fn old_probes_and_evidence_about_nothing_are_swept() {
    for kit in Kit::both() {
        let id = backup(&kit.cx).await.unwrap();
        let started = dies(&kit).await;
        let judged = |id| layout::evidence(id).with("x.json");
        let [old, young] = ["old", "young"].map(|name| Key::from(format!("{}{name}", layout::PROBES)));
        kit.memory.plant(&old, "probe");
        for about in [id, started, "20200101_000000".parse().unwrap()] {
            kit.memory.plant(&judged(about), "{}");
        }
        kit.hours(25);
        let other = Fake {
            name: "postgres.base",
            ..Fake::default()
        };
        kit.memory.plant(&young, "probe");
        prune(&kit.cx, &other, &request(&kit.cx).await.unwrap()).await.unwrap();
        let left: Vec<_> = kit.memory.keys();
        let gone = [old, judged("20200101_000000".parse().unwrap())];
        assert!(gone.iter().all(|key| !left.contains(key)));
        assert!(
            [young, judged(id), judged(started)]
                .iter()
                .all(|key| left.contains(key))
        );
    }
}

fn lenient(kit: &Kit, uploads: UploadListing) -> LenientStore<crate::testing::MemoryStore> {
    let leniency = Leniency {
        uploads,
        ..Leniency::default()
    };
    LenientStore::new(Arc::new(kit.memory.clone()), leniency)
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_list_uploads_data_is_deleted_all_the_same() {
    let [kit, _] = Kit::both();
    let old = backup(&kit.cx).await.unwrap();
    backup(&kit.cx).await.unwrap();
    let cx = kit.on(Arc::new(lenient(&kit, UploadListing::Forbidden)));
    let report = prune(&cx, &Fake::default(), &request(&kit.cx).await.unwrap())
        .await
        .unwrap();
    assert_eq!((report.expired, report.removed.objects), (vec![old], 2));
    assert!(kit.log.text().contains("unfinished uploads"));
}

#[tokio::test(start_paused = true)]
async fn unfinished_roll_overs_are_found_where_only_whole_keys_are_answered() {
    let [kit, _] = Kit::both();
    let run = begin(&kit.cx, NO_PATIENCE).await.unwrap();
    run.lease.release().await.unwrap();
    for suffix in [".0002", ".0003"] {
        kit.memory.plant(&run.claim.keys[0].with(suffix), "more");
    }
    for key in [run.claim.keys[0].with(".0004"), run.claim.keys[1].with(".0002")] {
        drop(kit.cx.store.upload(&key).await.unwrap());
    }
    kit.hours(25);
    let cx = kit.on(Arc::new(lenient(&kit, UploadListing::WholeKeys)));
    let report = prune(&cx, &Fake::default(), &request(&kit.cx).await.unwrap())
        .await
        .unwrap();
    assert_eq!((report.removed.objects, report.removed.uploads), (4, 2));
    assert_eq!(kit.memory.unfinished(), 0);
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

/// Everything that may stand beside a backup, of which its target says that nobody needs it; what of it may go.
async fn unneeded(kit: &Kit) -> (Fake, Key) {
    let expired = backup(&kit.cx).await.unwrap();
    let kept = backup(&kit.cx).await.unwrap();
    let base = backup_with(&kit.cx, |manifest| manifest.target = "postgres.base".into());
    let base = base.await.unwrap();
    let dead = dies(kit).await;
    let stray = |id: BackupId, name: &str| Key::from(format!("{id}{name}"));
    let left = stray(kept, "/b.pbe.0002");
    let mut unneeded = vec![
        left.clone(),
        stray(kept, "/notes.txt"),
        stray(kept, "x"),
        stray(base, "/a.pbe.0002"),
    ];
    unneeded.extend([
        stray(expired, "/notes.txt"),
        stray(dead, "/a.pbe.0002"),
        Key::from("readme.txt"),
    ]);
    for key in &unneeded {
        kit.memory.plant(key, "left");
    }
    // It wants to sweep even backups.
    unneeded.extend(kit.memory.keys());
    let target = Fake {
        unneeded,
        ..Fake::default()
    };
    (target, left)
}

#[tokio::test(start_paused = true)]
async fn a_target_sweeps_what_its_finished_runs_claimed_and_no_backup_holds_and_nothing_else() {
    for kit in Kit::both() {
        let (target, left) = unneeded(&kit).await;
        let before: Vec<Key> = kit.memory.keys();
        let request = request(&kit.cx).await.unwrap();
        let plan = plan_prune(&kit.cx, &target, &request, kit.cx.clock.now(), None)
            .await
            .unwrap();
        assert_eq!((plan.unneeded.objects, plan.unneeded.bytes), (1, 4));
        assert_eq!(kit.memory.keys(), before, "planning deletes nothing");
        let report = prune(&kit.cx, &target, &request).await.unwrap();
        let expired = report.expired[0].to_string();
        let notes = Key::from(format!("{expired}/notes.txt"));
        let lost = before.iter().filter(|key| kit.memory.peek(key).is_none());
        let lost: Vec<&Key> = lost.filter(|key| !key.to_string().contains(&expired)).collect();
        assert_eq!(
            lost.into_iter()
                .filter(|key| !key.to_string().contains("lease"))
                .collect::<Vec<_>>(),
            [&left]
        );
        assert!(kit.memory.peek(&notes).is_some());
        whole(&kit);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_target_sweeps_stays_if_the_author_of_its_marker_is_not_proved() {
    let [kit, _] = Kit::both();
    let (target, left) = unneeded(&kit).await;
    let (id, _) = layout::split_id(&left, "").unwrap();
    let mut marker = started::read(&kit.cx, &marker_of(&kit, id))
        .await
        .unwrap()
        .unwrap()
        .value;
    marker.nonce = crate::id::Id16([9; 16]);
    let mut stranger = kit.cx.clone();
    stranger.keyring = Some(ring(9));
    started::write(&stranger, &marker).await.unwrap();
    prune(&kit.cx, &target, &request(&kit.cx).await.unwrap()).await.unwrap();
    assert!(kit.memory.peek(&left).is_some());
}

/// A backup whose manifest is not one any more, and a newer one.
async fn spoiled(kit: &Kit, manifest: impl Into<bytes::Bytes>) -> BackupId {
    let old = backup(&kit.cx).await.unwrap();
    kit.memory.plant(&layout::manifest(old), manifest);
    kit.memory.plant(&Key::from(format!("{old}/notes.txt")), "old");
    backup(&kit.cx).await.unwrap();
    old
}

fn about(kit: &Kit, id: BackupId) -> usize {
    kit.names().iter().filter(|name| name.contains(&id.to_string())).count()
}

#[tokio::test(start_paused = true)]
async fn a_backup_with_a_damaged_manifest_goes_by_the_same_rules_with_what_its_run_claimed() {
    for kit in Kit::both() {
        let old = spoiled(&kit, "withdrawn\n").await;
        assert!(
            pruned(&kit.cx).await.unwrap().expired.is_empty(),
            "its run may be at work"
        );
        kit.hours(25);
        let request = request(&kit.cx).await.unwrap();
        let plan = plan_prune(&kit.cx, &Fake::default(), &request, kit.cx.clock.now(), None).await;
        assert_eq!(plan.unwrap().backups[1].reason, Reason::Spoiled);
        assert_eq!(about(&kit, old), 5);
        assert_eq!(pruned(&kit.cx).await.unwrap().expired, [old]);
        assert_eq!(about(&kit, old), 1, "{:?}", kit.names());
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_manifest_of_nobody_or_of_another_target_or_of_a_newer_version_stays() {
    let [nobody, another] = Kit::both();
    let old = spoiled(&nobody, "{}").await;
    nobody.memory.remove(&marker_of(&nobody, old));
    let base = spoiled(&another, "{}").await;
    let mut marker = started::read(&another.cx, &marker_of(&another, base))
        .await
        .unwrap()
        .unwrap()
        .value;
    marker.target = "postgres.base".into();
    started::write(&another.cx, &marker).await.unwrap();
    let [newer, _] = Kit::both();
    let json = r#"{"format":2}"#;
    let digest = crate::hex::encode(&crate::keys::sha256(&[json.as_bytes()]));
    spoiled(&newer, format!("{json}\npbe1-manifest sha256={digest}\n")).await;
    for kit in [nobody, another, newer] {
        kit.hours(25);
        let before = kit.names();
        let report = pruned(&kit.cx).await.unwrap();
        assert_eq!(report.plan.backups[1].reason, Reason::Unreadable);
        assert_eq!(kit.names(), before);
    }
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
        ..request(&cx).await.unwrap()
    };
    assert!(prune(&cx, &Fake::default(), &request).await.unwrap().expired.is_empty());
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
                let request = request(&kit.cx).await.unwrap();
                let store = FaultyStore::new(Arc::new(kit.memory.clone())).failing_at(call, fault);
                let cx = kit.on(Arc::new(store.clone()));
                // Whether it fails, succeeds or hangs: the next one makes it good.
                drop(tokio::time::timeout(Duration::from_secs(3600), prune(&cx, &Fake::default(), &request)).await);
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

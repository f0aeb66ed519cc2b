//! What is left of runs that have no manifest.

use super::*;

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

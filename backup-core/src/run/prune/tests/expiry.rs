//! Which backups go by the policy, and what goes with them.

use super::*;
use crate::catalog::tests::kit::backup_signed_by;
use jiff::SignedDuration;

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
async fn what_is_not_signed_by_a_known_key_is_never_pruned() {
    let [kit, _] = Kit::both();
    backup_signed_by(&kit, Some(ring(9)), |_| {}).await;
    let stranger = Context {
        keyring: None,
        ..kit.cx.clone()
    };
    backup(&stranger).await.unwrap();
    let dead = begin(&stranger, Duration::from_secs(100)).await.unwrap();
    dead.lease.release().await.unwrap();
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
    assert_eq!(report.plan.orphans.len(), 1);
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
        ..request(&cx).await.unwrap()
    };
    assert!(prune(&cx, &Fake::default(), &request).await.unwrap().expired.is_empty());
}

/// Why an older backup stays or goes beside a newer one, each with the length and the weight of its artifacts.
async fn verdict_on_the_older([older, newer]: [(u64, Option<u64>); 2]) -> Reason {
    let [kit, _] = Kit::both();
    for (plain_length, weight) in [older, newer] {
        let made = backup_with(&kit.cx, |manifest| {
            for artifact in &mut manifest.artifacts {
                (artifact.plain_length, artifact.weight) = (plain_length, weight);
            }
        });
        made.await.unwrap();
    }
    pruned(&kit.cx).await.unwrap().plan.backups[1].reason
}

#[tokio::test(start_paused = true)]
async fn content_that_fell_is_told_by_the_weight_where_there_is_one_and_by_the_length_where_there_is_none() {
    for (length, weight, reason) in [
        // A Vault that lost its keys: its snapshots are as long as before.
        ([100, 100], [Some(200), Some(100)], Reason::ContentFell),
        ([100, 100], [Some(199), Some(100)], Reason::Expired),
        // One that only lost its unused pages.
        ([1000, 100], [Some(100), Some(100)], Reason::Expired),
        ([200, 100], [None, None], Reason::ContentFell),
        ([199, 100], [None, None], Reason::Expired),
    ] {
        let backups = [(length[0], weight[0]), (length[1], weight[1])];
        assert_eq!(verdict_on_the_older(backups).await, reason, "{backups:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_backup_of_a_machine_whose_clock_is_behind_is_the_newest_all_the_same() {
    for kit in Kit::both() {
        let before = backup(&kit.cx).await.unwrap();
        let mut behind = kit.cx.clone();
        let slow = kit.cx.clock.now() - SignedDuration::from_secs(200);
        behind.clock = Arc::new(crate::testing::ManualClock::at(slow));
        let made = backup(&behind).await.unwrap();
        let report = pruned(&behind).await.unwrap();
        assert_eq!(report.expired, [before]);
        assert_eq!(list::ids(&kit.cx).await.unwrap(), [made]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_has_just_made_stays_whatever_the_policy_says() {
    for kit in Kit::both() {
        let made = backup(&kit.cx).await.unwrap();
        let newer = backup(&kit.cx).await.unwrap();
        let request = PruneRequest {
            just_made: Some(made),
            ..request(&kit.cx).await.unwrap()
        };
        let report = prune(&kit.cx, &Fake::default(), &request).await.unwrap();
        let reasons: Vec<Reason> = report.plan.backups.iter().map(|backup| backup.reason).collect();
        assert_eq!(reasons, [Reason::Newest, Reason::JustMade]);
        assert_eq!(list::ids(&kit.cx).await.unwrap(), [newer, made]);
        assert_eq!(pruned(&kit.cx).await.unwrap().expired, [made]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_a_wrong_clock_named_is_forgotten_and_backups_go_on() {
    for kit in Kit::both() {
        backup(&kit.cx).await.unwrap();
        const YEARS_170: i64 = 24 * 365 * 170;
        kit.hours(YEARS_170);
        let id = backup(&kit.cx).await.unwrap();
        kit.hours(-YEARS_170);
        let error = backup(&kit.cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let (target, request) = (Fake::default(), request(&kit.cx).await.unwrap());
        forget::look(&kit.cx, &target, &request, id).await.unwrap();
        forget::forget(&kit.cx, &target, &request, id).await.unwrap();
        let again = forget::forget(&kit.cx, &target, &request, id).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::NotFound);
        backup(&kit.cx).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_of_others_or_proves_nothing_is_not_forgotten() {
    let [kit, _] = Kit::both();
    let other = backup_with(&kit.cx, |manifest| manifest.target = "vault.raft".into())
        .await
        .unwrap();
    let unsigned = backup_signed_by(&kit, None, |_| {}).await;
    let damaged = backup(&kit.cx).await.unwrap();
    kit.memory.plant(&layout::manifest(damaged), "gone");
    let (before, request) = (kit.names(), request(&kit.cx).await.unwrap());
    for id in [other, unsigned, damaged] {
        let error = forget::forget(&kit.cx, &Fake::default(), &request, id)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
    assert_eq!(kit.names(), before);
}

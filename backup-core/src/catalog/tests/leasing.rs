use super::kit::{Kit, NO_PATIENCE, TARGET, holder, seaweed};
use crate::{
    ErrorKind,
    catalog::{
        Lease,
        lease::{self, LeaseState},
    },
    testing::MemoryOptions,
};
use jiff::SignedDuration;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

async fn take(kit: &Kit) -> crate::Result<Lease> {
    Lease::acquire(&kit.cx, TARGET, &holder(), "backup", NO_PATIENCE).await
}

#[tokio::test(start_paused = true)]
async fn a_second_run_is_told_who_holds_the_lease() {
    for kit in Kit::both() {
        let lease = take(&kit).await.unwrap();
        let error = take(&kit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.to_string().contains("process 42 on node-1 (backup)"), "{error}");
        assert!(error.hints()[0].contains("backup-admin unlock postgres.dump"));
        lease.confirm().await.unwrap();
        lease.release().await.unwrap();
        take(&kit).await.unwrap().release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn leases_of_other_targets_do_not_matter() {
    for kit in Kit::both() {
        let one = take(&kit).await.unwrap();
        let other = Lease::acquire(&kit.cx, "postgres.wal", &holder(), "backup", NO_PATIENCE)
            .await
            .unwrap();
        one.release().await.unwrap();
        other.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn never_two_holders_at_once() {
    for options in [MemoryOptions::default(), seaweed()] {
        for seed in 0..10 {
            let kit = Kit::new(MemoryOptions { seed, ..options });
            let at_work = Arc::new(AtomicUsize::new(0));
            let runs: Vec<_> = (0..5)
                .map(|_| {
                    let (cx, at_work) = (kit.cx.clone(), at_work.clone());
                    tokio::spawn(async move {
                        let patience = Duration::from_secs(600);
                        let lease = Lease::acquire(&cx, TARGET, &holder(), "backup", patience)
                            .await
                            .unwrap();
                        assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0);
                        tokio::time::sleep(Duration::from_secs(45)).await;
                        at_work.fetch_sub(1, Ordering::SeqCst);
                        lease.release().await.unwrap();
                    })
                })
                .collect();
            for run in runs {
                run.await.unwrap();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn writers_with_and_without_conditions_respect_each_other() {
    let kit = Kit::new(MemoryOptions::default());
    let mut plain = kit.cx.clone();
    plain.features.conditional_create = false;
    let by_condition = take(&kit).await.unwrap();
    let error = Lease::acquire(&plain, TARGET, &holder(), "backup", NO_PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    by_condition.release().await.unwrap();
    let by_intent = Lease::acquire(&plain, TARGET, &holder(), "backup", NO_PATIENCE)
        .await
        .unwrap();
    assert_eq!(take(&kit).await.unwrap_err().kind(), ErrorKind::Locked);
    by_intent.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_dead_holder_ends_after_a_minute() {
    for kit in Kit::both() {
        drop(take(&kit).await.unwrap());
        tokio::time::sleep(Duration::from_secs(55)).await;
        assert_eq!(take(&kit).await.unwrap_err().kind(), ErrorKind::Locked);
        tokio::time::sleep(Duration::from_secs(10)).await;
        take(&kit).await.unwrap().release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_this_machine_does_not_matter() {
    for kit in Kit::both() {
        let mut cx = kit.cx.clone();
        cx.clock = Arc::new(crate::testing::ManualClock::at("2040-01-01T00:00:00Z".parse().unwrap()));
        let lease = take(&kit).await.unwrap();
        let error = Lease::acquire(&cx, TARGET, &holder(), "backup", NO_PATIENCE)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        lease.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_as_long_as_it_is_held() {
    for kit in Kit::both() {
        let lease = take(&kit).await.unwrap();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(50)).await;
            assert_eq!(take(&kit).await.unwrap_err().kind(), ErrorKind::Locked);
        }
        assert!(!lease.lost().is_cancelled());
        lease.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_unlocked_holder_finds_its_lease_lost() {
    for kit in Kit::both() {
        let lease = take(&kit).await.unwrap();
        let broken = lease::unlock(&kit.cx, TARGET).await.unwrap();
        assert_eq!(broken[0].body.as_ref().unwrap().pid, 42);
        let next = take(&kit).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), lease.lost().cancelled())
            .await
            .unwrap();
        assert_eq!(lease.confirm().await.unwrap_err().kind(), ErrorKind::Locked);
        lease.release().await.unwrap();
        next.confirm().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_for_a_minute_has_lost_its_lease() {
    for kit in Kit::both() {
        let lease = take(&kit).await.unwrap();
        kit.clock.advance(SignedDuration::from_secs(90));
        tokio::time::timeout(Duration::from_secs(30), lease.lost().cancelled())
            .await
            .unwrap();
        assert_eq!(lease.confirm().await.unwrap_err().kind(), ErrorKind::Locked);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_delete_a_lease_is_overwritten_with_released() {
    for options in [MemoryOptions::default(), seaweed()] {
        let kit = Kit::new(MemoryOptions {
            deletes: false,
            ..options
        });
        for _ in 0..3 {
            take(&kit).await.unwrap().release().await.unwrap();
        }
        let lease = take(&kit).await.unwrap();
        assert_eq!(take(&kit).await.unwrap_err().kind(), ErrorKind::Locked);
        let broken = lease::unlock(&kit.cx, TARGET).await.unwrap();
        let held = |entry: &lease::LeaseEntry| entry.body.as_ref().unwrap().state == LeaseState::Held;
        assert_eq!(broken.iter().filter(|entry| held(entry)).count(), 1);
        take(&kit).await.unwrap().release().await.unwrap();
        drop(lease);
    }
}

//! Runs that meet: two at once, one after a dead one, one that loses its lease.

use super::fake::{Fake, demand_clean, demand_whole, kits, listed, run};
use crate::{
    ErrorKind,
    catalog::{lease, tests::kit::Kit},
    retry::{Policy, Retrier},
    store::{Retrying, StoreErrorKind},
    testing::{Fault, FaultyStore, MemoryOptions},
};
use std::{collections::HashSet, sync::Arc, time::Duration};

fn seeded(conditional: bool, seed: u64) -> Kit {
    let kit = Kit::new(MemoryOptions {
        conditional,
        whole_seconds: !conditional,
        part_min: 1,
        seed,
        ..MemoryOptions::default()
    });
    for key in super::fake::FOREIGN {
        kit.memory.plant(&crate::store::Key::from(key), "not ours");
    }
    kit
}

#[tokio::test(start_paused = true)]
async fn two_backups_at_once_never_share_a_key() {
    for conditional in [true, false] {
        for seed in 0..40 {
            let kit = seeded(conditional, seed);
            let same = [Fake::default(), Fake::default()];
            let apart = [
                Fake::default(),
                Fake {
                    name: "vault.raft",
                    ..Fake::default()
                },
            ];
            let [one, other] = if seed % 2 == 0 { same } else { apart };
            let patient = seed % 4 < 2;
            let begin = |target: Fake| {
                let cx = kit.cx.clone();
                async move {
                    let mut request = super::fake::request();
                    if !patient {
                        request.lease_wait = Duration::ZERO;
                    }
                    super::super::backup_cut(&cx, &target, &request, |_| super::fake::TINY).await
                }
            };
            let results = tokio::join!(begin(one), begin(other));
            let results = [results.0, results.1];
            let what = format!("conditional {conditional}, seed {seed}");
            let good: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
            for error in results.iter().filter_map(|result| result.as_ref().err()) {
                assert_eq!(error.kind(), ErrorKind::Locked, "{what}: {error:?}");
                assert!(!patient, "{what}: {error:?}");
            }
            let ids: HashSet<_> = good.iter().map(|report| report.manifest.id).collect();
            let keys: Vec<_> = good.iter().flat_map(|report| report.manifest.owned_keys()).collect();
            assert_eq!(ids.len(), good.len(), "{what}");
            assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len(), "{what}");
            let shown = listed(&kit.cx).await;
            assert_eq!(shown.len(), good.len(), "{what}");
            for entry in &shown {
                demand_whole(&kit.cx, entry, &what).await;
            }
            demand_clean(&kit, &Fake::default(), &what).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_dead_holder_the_next_run_waits_a_minute_at_most() {
    for kit in kits() {
        let faulty = FaultyStore::new(Arc::new(kit.memory.clone()));
        let cx = kit.on(Arc::new(faulty.clone()));
        let slow = Fake {
            silent: Duration::from_secs(45),
            ..Fake::default()
        };
        // Dropped in the middle of its work, after a renewal of its lease.
        assert!(
            tokio::time::timeout(Duration::from_secs(30), run(&cx, &slow))
                .await
                .is_err()
        );
        let died = kit.cx.clock.now();
        let report = run(&kit.cx, &Fake::default()).await.unwrap();
        let waited = report.manifest.started.duration_since(died).as_secs();
        assert!((1..=66).contains(&waited), "{waited}");
        demand_clean(&kit, &Fake::default(), "dead holder").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_loses_its_lease_stops_and_shows_nothing() {
    for kit in kits() {
        let target = Fake {
            silent: Duration::from_secs(600),
            ..Fake::default()
        };
        let robbed = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert_eq!(lease::unlock(&kit.cx, target.name).await.unwrap().len(), 1);
            kit.cx.clock.now()
        };
        let began = kit.cx.clock.now();
        let (result, _) = tokio::join!(run(&kit.cx, &target), robbed);
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(
            error.chain().contains("the lease of postgres.dump was lost"),
            "{error:?}"
        );
        assert!(kit.cx.clock.now().duration_since(began).as_secs() < 120);
        assert!(listed(&kit.cx).await.is_empty());
        demand_clean(&kit, &target, "lease lost").await;
    }
}

/// The store stops answering in the middle of a run and never comes back: that is the store's failure, and no other run's lock.
#[tokio::test(start_paused = true)]
async fn a_store_that_goes_away_stops_a_silent_run_by_its_lease_and_is_named() {
    for (fault, kind) in [
        (Fault::Before(StoreErrorKind::Unreachable), ErrorKind::StoreUnreachable),
        (Fault::Hang, ErrorKind::StoreUnreachable),
        (Fault::Before(StoreErrorKind::Forbidden), ErrorKind::StoreFailed),
    ] {
        for kit in kits() {
            let faulty = FaultyStore::new(Arc::new(kit.memory.clone()));
            let target = Fake {
                silent: Duration::from_secs(600),
                ..Fake::default()
            };
            let gone = async {
                tokio::time::sleep(Duration::from_secs(30)).await;
                faulty.fail_next(100_000, fault);
            };
            let began = kit.cx.clock.now();
            let retrier = Retrier::new(Policy::default(), kit.cx.entropy.clone());
            let cx = kit.on(Arc::new(Retrying::new(Arc::new(faulty.clone()), retrier)));
            let (result, ()) = tokio::join!(run(&cx, &target), gone);
            let error = result.unwrap_err();
            assert_eq!(error.kind(), kind, "{error:?}");
            assert!(error.chain().contains("could not be renewed"), "{error:?}");
            assert!(kit.cx.clock.now().duration_since(began).as_secs() < 300);
            assert!(listed(&kit.cx).await.is_empty());
            demand_clean(&kit, &target, "store gone").await;
        }
    }
}

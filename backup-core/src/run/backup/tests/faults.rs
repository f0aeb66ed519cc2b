//! The store fails: each kind of failure at each call in turn.

use super::fake::{Fake, but_condemned, data, demand_clean, demand_whole, kits, listed, run};
use crate::{
    Context,
    catalog::{State, tests::kit::Kit},
    clock::SystemEntropy,
    retry::{Policy, Retrier},
    store::{Retrying, Store, StoreErrorKind},
    testing::{Fault, FaultyStore, MemoryStore},
};
use std::{sync::Arc, time::Duration};

/// Refused, answer lost, body cut, bit flipped, the run killed before and after the call.
const FAULTS: [Fault; 7] = [
    Fault::Before(StoreErrorKind::Server),
    Fault::Before(StoreErrorKind::Full),
    Fault::After(StoreErrorKind::Interrupted),
    Fault::Cut,
    Fault::Flip,
    Fault::Hang,
    Fault::HangAfter,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layers {
    Bare,
    Retrying,
}

fn layered(kit: &Kit, faulty: &FaultyStore<MemoryStore>, layers: Layers) -> Context {
    let bare: Arc<dyn Store> = Arc::new(faulty.clone());
    let retrier = Retrier::new(Policy::default(), Arc::new(SystemEntropy));
    kit.on(match layers {
        Layers::Bare => bare,
        Layers::Retrying => Arc::new(Retrying::new(bare, retrier)),
    })
}

/// One run with one fault; returns whether there was a call to fail.
async fn one(kit: &Kit, layers: Layers, call: usize, fault: Fault) -> bool {
    let faulty = FaultyStore::new(Arc::new(kit.memory.clone())).failing_at(call, fault);
    let cx = layered(kit, &faulty, layers);
    // Nobody waits for what hangs: the run is dropped, as if it had been killed.
    let result = tokio::time::timeout(Duration::from_secs(3600), run(&cx, &Fake::default())).await;
    let hit = faulty.log().get(call).cloned();
    let what = format!(
        "{layers:?} {fault:?} at call {call} ({})",
        hit.clone().unwrap_or_default()
    );
    let shown = listed(&kit.cx).await;
    for entry in &shown {
        demand_whole(&kit.cx, entry, &what).await;
    }
    match &result {
        Ok(Ok(report)) => {
            assert_eq!(shown.len(), 1, "{what}");
            assert_eq!(shown[0].id, report.manifest.id, "{what}");
            assert_eq!(
                report.failures.is_empty(),
                shown[0].state() == State::Complete,
                "{what}"
            );
        }
        // An answer about the manifest itself may be lost: then there is a backup, though the run could not tell.
        _ => assert!(shown.len() <= 1, "{what}"),
    }
    if fault == Fault::Flip
        && let Some(name) = hit.as_deref().and_then(|hit| hit.strip_prefix("body 2026"))
    {
        let saved = matches!(&result, Ok(Ok(report)) if report.failures.is_empty());
        assert!(!saved, "{what}: {name} came back flipped and was called saved");
    }
    demand_recovery(kit, &what, shown.len()).await;
    hit.is_some()
}

/// The next run works, and a day later nothing of a dead one is left.
async fn demand_recovery(kit: &Kit, what: &str, before: usize) {
    let next = run(&kit.cx, &Fake::default())
        .await
        .unwrap_or_else(|error| panic!("{what}: {error:?}"));
    assert!(next.failures.is_empty(), "{what}: {:?}", next.failures);
    let shown = listed(&kit.cx).await;
    assert_eq!(shown.len(), before + 1, "{what}");
    demand_whole(&kit.cx, &shown[before], what).await;
    demand_clean(kit, &Fake::default(), what).await;
}

async fn every_call(layers: Layers, fault: Fault) {
    for which in 0..2 {
        for call in 0.. {
            let kit = &kits()[which];
            if !one(kit, layers, call, fault).await {
                assert!(call > 40, "a run makes more calls than {call}");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_without_faults_is_complete_and_has_several_parts_and_objects() {
    for kit in kits() {
        let faulty = FaultyStore::new(Arc::new(kit.memory.clone()));
        let report = run(&layered(&kit, &faulty, Layers::Bare), &Fake::default())
            .await
            .unwrap();
        let large = report
            .manifest
            .artifacts
            .iter()
            .find(|artifact| artifact.name == "large")
            .unwrap();
        assert_eq!(
            (large.objects.len(), large.plain_length),
            (2, data("large").len() as u64)
        );
        let calls = |start: &str| faulty.log().iter().filter(|call| call.starts_with(start)).count();
        assert!(
            calls("part 2026") > 3 && calls("complete 2026") >= 1,
            "{:?}",
            faulty.log()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_fault_at_any_call_there_is_a_backup_that_verifies_or_nothing() {
    for fault in FAULTS {
        every_call(Layers::Bare, fault).await;
    }
}

#[tokio::test(start_paused = true)]
async fn with_retries_a_fault_at_any_call_leaves_a_backup_that_verifies_or_nothing() {
    for fault in FAULTS {
        every_call(Layers::Retrying, fault).await;
    }
}

/// What goes away is never seen: neither by the operator, nor in the store.
#[tokio::test(start_paused = true)]
async fn a_passing_fault_at_any_call_does_not_cost_the_backup() {
    let passing = [
        Fault::Before(StoreErrorKind::Throttled),
        Fault::After(StoreErrorKind::Interrupted),
        Fault::Cut,
    ];
    for fault in passing {
        for which in 0..2 {
            for call in 0.. {
                let kit = &kits()[which];
                let faulty = FaultyStore::new(Arc::new(kit.memory.clone())).failing_at(call, fault);
                let cx = layered(kit, &faulty, Layers::Retrying);
                let report = run(&cx, &Fake::default()).await;
                let what = format!("{fault:?} at call {call} ({:?})", faulty.log().get(call));
                let report = report.unwrap_or_else(|error| panic!("{what}: {error:?}"));
                assert!(report.failures.is_empty(), "{what}: {:?}", report.failures);
                if call >= faulty.calls() {
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_half_way_costs_its_own_artifact_only() {
    for kit in kits() {
        let target = Fake {
            broken: vec!["large"],
            ..Fake::default()
        };
        let report = run(&kit.cx, &target).await.unwrap();
        assert_eq!(report.failures.len(), 1);
        let shown = listed(&kit.cx).await;
        assert_eq!((shown.len(), shown[0].state()), (1, State::Partial));
        let manifest = &shown[0].manifest.as_ref().unwrap().value;
        assert_eq!(manifest.failures[0].name, "large");
        assert!(manifest.failures[0].error.contains("the source went away"));
        demand_whole(&kit.cx, &shown[0], "partial").await;
        assert!(
            !kit.names().iter().any(|name| name.contains("/large")),
            "{:?}",
            kit.names()
        );
        demand_recovery(&kit, "partial", 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn if_every_source_fails_nothing_remains() {
    for kit in kits() {
        let before = kit.names();
        let target = Fake {
            broken: super::fake::NAMES.into(),
            ..Fake::default()
        };
        let error = run(&kit.cx, &target).await.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::SourceFailed);
        assert_eq!((but_condemned(&kit), kit.memory.unfinished()), (before, 0));
    }
}

//! The operator stops a run, at any moment.

use super::fake::{Fake, but_condemned, demand_whole, kits, listed, run};
use crate::{ErrorKind, testing::FaultyStore};
use futures::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Comes back when the store was called so often, or when nothing goes on any more.
async fn calls(store: &FaultyStore<crate::testing::MemoryStore>, wanted: usize, done: &CancellationToken) {
    let mut idle = 0;
    while store.calls() < wanted && !done.is_cancelled() {
        idle += 1;
        if idle % 1000 == 0 {
            // Lets the paused time go on where the run waits for it.
            tokio::time::sleep(Duration::from_millis(10)).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_cancelled_at_any_call_leaves_nothing_or_had_finished() {
    for which in 0..2 {
        let mut finished = 0;
        for call in 0.. {
            let kit = &kits()[which];
            let before = kit.names();
            let faulty = FaultyStore::new(Arc::new(kit.memory.clone()));
            let mut cx = kit.on(Arc::new(faulty.clone()));
            cx.cancel = CancellationToken::new();
            let (cancel, done) = (cx.cancel.clone(), CancellationToken::new());
            let stop = async {
                calls(&faulty, call, &done).await;
                cancel.cancel();
            };
            let target = Fake::default();
            let run = async {
                let result = run(&cx, &target).await;
                done.cancel();
                result
            };
            let (result, ()) = tokio::join!(run, stop);
            match result {
                Ok(report) => {
                    finished += 1;
                    assert!(report.failures.is_empty(), "call {call}: {:?}", report.failures);
                    demand_whole(&kit.cx, &listed(&kit.cx).await[0], "finished").await;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Cancelled, "call {call}: {error:?}");
                    assert_eq!(
                        (but_condemned(kit), kit.memory.unfinished()),
                        (before, 0),
                        "call {call}"
                    );
                }
            }
            if call > faulty.calls() {
                break;
            }
        }
        assert!(finished > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_defect_gives_the_lease_back_before_it_ends_the_program() {
    for kit in kits() {
        let cx = kit.on(Arc::new(kit.memory.clone()));
        let broken = Fake {
            panics: true,
            ..Fake::default()
        };
        let panicked = AssertUnwindSafe(run(&cx, &broken)).catch_unwind().await;
        assert!(panicked.is_err());
        assert!(listed(&cx).await.is_empty());
        run(&cx, &Fake::default()).await.unwrap();
    }
}

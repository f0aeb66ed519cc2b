//! Whoever stops an artifact, at any moment, finds nothing of it.

use super::*;
use crate::testing::FaultyStore;

/// Stops `recorder` when its store was called so often, and the store had its turn so many times more: before it acts, after it, or after its answer.
async fn stop_at(faulty: &FaultyStore<MemoryStore>, call: usize, turns: usize, cancel: CancellationToken) {
    while faulty.calls() < call {
        tokio::task::yield_now().await;
    }
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
}

/// Whether the artifact was stored before the stop came.
async fn finishes(length: usize, call: usize, turns: usize) -> bool {
    let mut bench = bench(Packing::Sealed);
    let faulty = FaultyStore::new(Arc::new(bench.memory.clone()));
    bench.recorder.store = Arc::new(faulty.clone());
    bench.recorder.shape.max_parts = 3;
    let (name, data) = (name(false), data(length));
    let record = bench.recorder.record(&name, source(&data), &|_, _| ());
    let stop = stop_at(&faulty, call, turns, bench.recorder.cancel.clone());
    let recorded = tokio::select! {
        biased;
        recorded = record => recorded,
        ((), never) = async { (stop.await, std::future::pending::<std::convert::Infallible>().await) } => match never {},
    };
    match recorded {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(
                error.kind(),
                ErrorKind::Cancelled,
                "call {call}, turn {turns}: {error:?}"
            );
            let left = (bench.memory.keys(), bench.memory.unfinished());
            assert_eq!(left, (vec![], 0), "call {call}, turn {turns}: {:?}", faulty.log());
            false
        }
    }
}

#[tokio::test]
async fn an_artifact_that_is_stopped_at_any_call_leaves_nothing_or_had_finished() {
    // One put; one upload; several objects.
    for length in [500, 9_000, 40_000] {
        for turns in 0..6 {
            let mut call = 0;
            while !finishes(length, call, turns).await {
                call += 1;
            }
            assert!(turns > 0 || call > 1, "{length} bytes");
        }
    }
}

#[tokio::test]
async fn a_store_that_never_answers_holds_up_a_stop_for_a_while_only() {
    tokio::time::pause();
    for (length, call) in [(500, "put"), (9_000, "upload"), (9_000, "complete")] {
        let mut bench = bench(Packing::Sealed);
        let probe = FaultyStore::new(Arc::new(bench.memory.clone()));
        bench.recorder.store = Arc::new(probe.clone());
        let data = data(length);
        bench
            .recorder
            .record(&name(false), source(&data), &|_, _| ())
            .await
            .unwrap();
        bench
            .memory
            .keys()
            .iter()
            .for_each(|key| drop(bench.memory.remove(key)));
        let log = probe.log();
        let position = log
            .iter()
            .position(|line| line.starts_with(call))
            .unwrap_or_else(|| panic!("{call}: {log:?}"));
        let hanging =
            FaultyStore::new(Arc::new(bench.memory.clone())).failing_at(position, crate::testing::Fault::Hang);
        bench.recorder.store = Arc::new(hanging.clone());
        let (name, cancel) = (name(false), bench.recorder.cancel.clone());
        let record = bench.recorder.record(&name, source(&data), &|_, _| ());
        let (recorded, ()) = tokio::join!(record, stop_at(&hanging, position + 1, 5, cancel));
        assert_eq!(recorded.unwrap_err().kind(), ErrorKind::Cancelled, "{call}");
        assert_eq!((bench.memory.keys(), bench.memory.unfinished()), (vec![], 0), "{call}");
    }
}

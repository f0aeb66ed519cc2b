//! Stores that fail, at any call.

use super::*;

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

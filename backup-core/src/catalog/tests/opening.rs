use super::kit::{Kit, backup, holder};
use crate::{ErrorKind, catalog::Repository, store::Key, testing::FaultyStore};
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn first_writers_at_once_get_one_repository() {
    for kit in Kit::both() {
        assert_eq!(Repository::open(&kit.cx).await.unwrap(), None);
        let cx = Arc::new(kit.cx.clone());
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let cx = cx.clone();
                tokio::spawn(async move { Repository::open_or_create(&cx, &holder()).await.unwrap() })
            })
            .collect();
        let mut ids = Vec::new();
        for writer in writers {
            ids.push(writer.await.unwrap().id);
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_was_replaced_is_noticed_before_a_commit() {
    let [kit, other] = Kit::both();
    let repository = Repository::open_or_create(&kit.cx, &holder()).await.unwrap();
    repository.confirm_unchanged(&kit.cx).await.unwrap();
    Repository::open_or_create(&other.cx, &holder()).await.unwrap();
    let key = Key::from("_pbe/repository.json");
    let mut cx = kit.cx.clone();
    cx.entropy = Arc::new(crate::testing::SeededEntropy::new(99));
    kit.memory.remove(&key);
    Repository::open_or_create(&cx, &holder()).await.unwrap();
    assert_eq!(
        repository.confirm_unchanged(&kit.cx).await.unwrap_err().kind(),
        ErrorKind::Refused
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_repository_document_is_damage_not_a_new_repository() {
    let [kit, _] = Kit::both();
    backup(&kit.cx).await.unwrap();
    kit.memory.remove(&Key::from("_pbe/repository.json"));
    let error = Repository::open_or_create(&kit.cx, &holder()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_writer_never_overwrites_a_repository_that_others_use() {
    let [other, _] = Kit::both();
    backup(&other.cx).await.unwrap();
    let theirs: Vec<_> = other
        .memory
        .keys()
        .into_iter()
        .filter(|key| !key.to_string().contains("lease"))
        .collect();
    for turns in 0.. {
        let [_, kit] = Kit::both();
        let store = FaultyStore::new(Arc::new(kit.memory.clone()));
        let cx = kit.on(Arc::new(store.clone()));
        let slow = tokio::spawn(async move { Repository::open_or_create(&cx, &holder()).await });
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let looks = store
            .log()
            .iter()
            .filter(|call| *call == "list _pbe/manifests/")
            .count();
        if looks == 3 {
            // From its last look on, only the store could still stop it.
            break;
        }
        // Its lease expired while it slept, and others went on without it.
        for key in kit.memory.keys() {
            kit.memory.remove(&key);
        }
        for key in &theirs {
            kit.memory.plant(key, other.memory.peek(key).unwrap());
        }
        drop(slow.await.unwrap());
        let key = Key::from("_pbe/repository.json");
        assert_eq!(kit.memory.peek(&key), other.memory.peek(&key), "after {turns} turns");
    }
}

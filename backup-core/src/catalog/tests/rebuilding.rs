use super::kit::{Kit, backup, holder, ring};
use crate::{
    Context, ErrorKind,
    catalog::{
        Manifest, Repository, document, layout,
        repository::{Restored, restore},
    },
    id::{Id16, RepositoryId},
    store::Key,
    testing::{Fault, FaultyStore},
};
use std::sync::Arc;

const DOCUMENT: &str = "_pbe/repository.json";

fn json() -> Key {
    Key::from(DOCUMENT)
}

async fn id(cx: &Context) -> RepositoryId {
    Repository::open(cx).await.unwrap().unwrap().id
}

/// A document of somebody else, signed with `keyring`.
async fn of_another(keyring: Option<Arc<crate::keys::Keyring>>) -> bytes::Bytes {
    let [other, _] = Kit::both();
    let cx = Context {
        keyring,
        entropy: Arc::new(crate::testing::SeededEntropy::new(77)),
        ..other.cx.clone()
    };
    Repository::open_or_create(&cx, &holder()).await.unwrap();
    other.memory.peek(&json()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_document_that_no_known_key_signed_is_refused_and_made_anew() {
    for (keyring, kind) in [(None, ErrorKind::Refused), (Some(ring(9)), ErrorKind::Key)] {
        let [kit, _] = Kit::both();
        backup(&kit.cx).await.unwrap();
        let own = id(&kit.cx).await;
        kit.memory.plant(&json(), of_another(keyring).await);
        let error = backup(&kit.cx).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(
            error.hints()[0].contains("backup-admin repository restore"),
            "{error:?}"
        );
        assert_eq!(restore(&kit.cx, &holder(), None).await.unwrap(), Restored::Written(own));
        assert_eq!(id(&kit.cx).await, own);
        assert_eq!(restore(&kit.cx, &holder(), None).await.unwrap(), Restored::WasGood(own));
        backup(&kit.cx).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_lost_or_damaged_is_made_anew() {
    for kit in Kit::both() {
        backup(&kit.cx).await.unwrap();
        let own = id(&kit.cx).await;
        for damage in [None, Some(""), Some("{}\n"), Some("x")] {
            match damage {
                None => drop(kit.memory.remove(&json())),
                Some(bytes) => kit.memory.plant(&json(), bytes.to_owned()),
            }
            assert_eq!(Repository::open(&kit.cx).await.unwrap_err().kind(), ErrorKind::Damaged);
            assert_eq!(restore(&kit.cx, &holder(), None).await.unwrap(), Restored::Written(own));
            assert_eq!(id(&kit.cx).await, own);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_document_of_another_repository_is_noticed_before_anything_is_written_under_it() {
    let [kit, _] = Kit::both();
    backup(&kit.cx).await.unwrap();
    let own = id(&kit.cx).await;
    kit.memory.plant(&json(), of_another(kit.cx.keyring.clone()).await);
    let replaced = Repository::open(&kit.cx).await.unwrap().unwrap();
    let error = replaced.demand_newest_is_ours(&kit.cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(restore(&kit.cx, &holder(), None).await.unwrap(), Restored::Written(own));
    let good = Repository::open(&kit.cx).await.unwrap().unwrap();
    good.demand_newest_is_ours(&kit.cx).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn manifests_that_disagree_or_prove_nothing_decide_nothing() {
    let [kit, _] = Kit::both();
    backup(&Context {
        keyring: None,
        ..kit.cx.clone()
    })
    .await
    .unwrap();
    let before = kit.memory.peek(&json()).unwrap();
    let error = restore(&kit.cx, &holder(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let keyless = Context {
        keyring: None,
        ..kit.cx.clone()
    };
    assert_eq!(
        restore(&keyless, &holder(), None).await.unwrap_err().kind(),
        ErrorKind::Key
    );
    assert_eq!(kit.memory.peek(&json()).unwrap(), before);
    // The operator vouches.
    let own = id(&keyless).await;
    assert_eq!(
        restore(&kit.cx, &holder(), Some(own)).await.unwrap(),
        Restored::Written(own)
    );
    backup(&kit.cx).await.unwrap();
    let key = layout::manifest(backup(&kit.cx).await.unwrap());
    let read = document::read::<Manifest>(&kit.memory, &key, None).await;
    let mut other = read.unwrap().unwrap().value;
    other.repository = Id16([4; 16]);
    let bytes = document::encode(&other, kit.cx.keyring.as_deref()).unwrap();
    kit.memory.plant(&key, bytes);
    kit.memory.remove(&json());
    let error = restore(&kit.cx, &holder(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(
        error.hints().iter().any(|hint| hint.contains(&own.to_string())),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rebuilding_that_is_cut_anywhere_leaves_the_old_document_or_the_new_one() {
    let [clean, _] = Kit::both();
    backup(&clean.cx).await.unwrap();
    clean.memory.remove(&json());
    let counting = FaultyStore::new(Arc::new(clean.memory.clone()));
    restore(&clean.on(Arc::new(counting.clone())), &holder(), None)
        .await
        .unwrap();
    for call in 0..counting.log().len() {
        let [kit, _] = Kit::both();
        backup(&kit.cx).await.unwrap();
        let own = id(&kit.cx).await;
        kit.memory.remove(&json());
        let faulty = FaultyStore::new(Arc::new(kit.memory.clone()));
        let faulty = faulty.failing_at(call, Fault::After(crate::store::StoreErrorKind::Server));
        // It may fail, or find out that it did not.
        drop(restore(&kit.on(Arc::new(faulty)), &holder(), None).await);
        kit.hours(1);
        let again = restore(&kit.cx, &holder(), None).await.unwrap();
        assert!(
            [Restored::Written(own), Restored::WasGood(own)].contains(&again),
            "call {call}"
        );
        assert_eq!(id(&kit.cx).await, own, "call {call}");
    }
}

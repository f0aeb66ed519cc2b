//! Unfinished uploads, as far as the store lists them.

use super::*;

fn lenient(kit: &Kit, uploads: UploadListing) -> LenientStore<crate::testing::MemoryStore> {
    let leniency = Leniency {
        uploads,
        ..Leniency::default()
    };
    LenientStore::new(Arc::new(kit.memory.clone()), leniency)
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_list_uploads_data_is_deleted_all_the_same() {
    let [kit, _] = Kit::both();
    let old = backup(&kit.cx).await.unwrap();
    backup(&kit.cx).await.unwrap();
    let cx = kit.on(Arc::new(lenient(&kit, UploadListing::Forbidden)));
    let report = prune(&cx, &Fake::default(), &request(&kit.cx).await.unwrap())
        .await
        .unwrap();
    assert_eq!((report.expired, report.removed.objects), (vec![old], 2));
    assert!(kit.log.text().contains("unfinished uploads"));
}

#[tokio::test(start_paused = true)]
async fn unfinished_roll_overs_are_found_where_only_whole_keys_are_answered() {
    let [kit, _] = Kit::both();
    let run = begin(&kit.cx, NO_PATIENCE).await.unwrap();
    run.lease.release().await.unwrap();
    for suffix in [".0002", ".0003"] {
        kit.memory.plant(&run.claim.keys[0].with(suffix), "more");
    }
    for key in [run.claim.keys[0].with(".0004"), run.claim.keys[1].with(".0002")] {
        drop(kit.cx.store.upload(&key).await.unwrap());
    }
    kit.hours(25);
    let cx = kit.on(Arc::new(lenient(&kit, UploadListing::WholeKeys)));
    let report = prune(&cx, &Fake::default(), &request(&kit.cx).await.unwrap())
        .await
        .unwrap();
    assert_eq!((report.removed.objects, report.removed.uploads), (4, 2));
    assert_eq!(kit.memory.unfinished(), 0);
}

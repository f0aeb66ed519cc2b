use super::kit::{Kit, TARGET, backup, holder, keys_of};
use crate::{
    ErrorKind,
    catalog::{Claim, MarkerState, claim, started},
    store::Key,
    testing::{ManualClock, MemoryOptions, MemoryStore},
};
use jiff::SignedDuration;
use std::{collections::HashSet, sync::Arc};

async fn race(kit: &Kit, runs: usize) -> Vec<Claim> {
    let runs: Vec<_> = (0..runs)
        .map(|_| {
            let cx = kit.cx.clone();
            tokio::spawn(async move { claim(&cx, TARGET, &holder(), keys_of).await.unwrap() })
        })
        .collect();
    let mut claims = Vec::new();
    for run in runs {
        claims.push(run.await.unwrap());
    }
    claims
}

#[tokio::test(start_paused = true)]
async fn runs_at_once_never_share_an_id() {
    for seed in 0..20 {
        let kit = Kit::new(MemoryOptions {
            seed,
            ..super::kit::seaweed()
        });
        let claims = race(&kit, 6).await;
        let ids: HashSet<_> = claims.iter().map(|claim| claim.id).collect();
        assert_eq!(ids.len(), 6);
        assert_eq!(kit.memory.keys().len(), 6, "those who gave way left nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_with_data_or_a_manifest_is_taken() {
    let [kit, _] = Kit::both();
    let [first, second] = [
        crate::id::BackupId::at(kit.cx.clock.now()),
        backup(&kit.cx).await.unwrap(),
    ];
    assert_eq!(first, second);
    let claimed = claim(&kit.cx, TARGET, &holder(), keys_of).await.unwrap();
    assert!(claimed.id > second);
    for (name, taken) in [("/old-dump", true), (".snap", true), ("", false)] {
        let [kit, _] = Kit::both();
        kit.memory.plant(&Key::from(format!("{first}{name}x")), "old");
        let claimed = claim(&kit.cx, TARGET, &holder(), keys_of).await.unwrap();
        assert!(claimed.id > first || !taken, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_run_is_named_before_a_backup_that_exists_whatever_the_clocks_say() {
    for kit in Kit::both() {
        let newest = backup(&kit.cx).await.unwrap();
        let half_a_century = 50 * 366 * 86_400;
        for (behind, said) in [(0, false), (1, false), (200, true), (half_a_century, true)] {
            let mut cx = kit.cx.clone();
            let slow = newest.timestamp() - SignedDuration::from_secs(behind);
            cx.clock = Arc::new(ManualClock::at(slow));
            let claimed = claim(&cx, TARGET, &holder(), keys_of).await.unwrap();
            assert!(claimed.id > newest, "{behind} s behind: {}", claimed.id);
            assert_eq!(claimed.ahead(slow).is_some(), said, "{behind} s behind");
        }
        let planted = Key::from("_pbe/manifests/99991230_000000.json");
        kit.memory.plant(&planted, "named by no clock");
        let claimed = claim(&kit.cx, TARGET, &holder(), keys_of).await.unwrap();
        assert!(claimed.id > newest && claimed.ahead(kit.cx.clock.now()).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_delete_an_id_given_up_is_condemned() {
    let kit = Kit::new(MemoryOptions {
        deletes: false,
        ..MemoryOptions::default()
    });
    claim(&kit.cx, TARGET, &holder(), keys_of).await.unwrap();
    let second = claim(&kit.cx, TARGET, &holder(), keys_of).await.unwrap();
    assert!(
        kit.memory
            .peek(&second.marker())
            .unwrap()
            .windows(7)
            .any(|text| text == b"started")
    );
    let condemned =
        |store: &MemoryStore, key: &Key| String::from_utf8_lossy(&store.peek(key).unwrap()).contains("\"condemned\"");
    let all = kit
        .memory
        .keys()
        .into_iter()
        .filter(|key| condemned(&kit.memory, key))
        .count();
    assert!(all >= 1);
    assert!(!condemned(&kit.memory, &second.marker()));
}

#[tokio::test(start_paused = true)]
async fn a_plan_for_keys_outside_the_id_is_refused() {
    let [kit, _] = Kit::both();
    for key in ["files/x", "_pbe/repository.json", "20250101_000000/x"] {
        let error = claim(&kit.cx, TARGET, &holder(), |_| vec![Key::from(key)])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{key}");
    }
    assert!(kit.memory.keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_in_which_two_artifacts_could_share_an_object_is_refused() {
    let [kit, _] = Kit::both();
    for second in ["a.pbe", "a.pbe.0002"] {
        let plan = |id| ["a.pbe", second].map(|name| Key::from(format!("{id}/{name}"))).into();
        let error = claim(&kit.cx, TARGET, &holder(), plan).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{second}");
    }
    assert!(kit.memory.keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_thousands_of_artifacts_fits_a_marker() {
    let [kit, _] = Kit::both();
    let plan = |id| {
        (0..10_000)
            .map(|number| Key::from(format!("{id}/database_{number}.pgdump.zst.pbe")))
            .collect()
    };
    let claimed = claim(&kit.cx, TARGET, &holder(), plan).await.unwrap();
    assert_eq!(claimed.keys.len(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_run_leaves_nothing_but_its_condemned_marker() {
    for kit in Kit::both() {
        kit.memory.plant(&Key::from("old/file"), "old");
        let run = super::kit::begin(&kit.cx, super::kit::NO_PATIENCE).await.unwrap();
        kit.memory.plant(&run.claim.keys[0].with(".0002"), "more");
        let upload = kit.cx.store.upload(&run.claim.keys[1]).await.unwrap();
        drop(upload);
        run.claim.abandon(&kit.cx).await.unwrap();
        run.lease.release().await.unwrap();
        assert_eq!(kit.names(), [run.claim.marker().to_string(), "old/file".into()]);
        let marker = started::read(&kit.cx, &run.claim.marker()).await.unwrap().unwrap();
        assert_eq!(marker.value.state, MarkerState::Condemned);
        assert_eq!(kit.memory.unfinished(), 0);
    }
}

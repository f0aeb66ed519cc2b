use super::kit::{Kit, backup, backup_with, holder, keys_of, nowhere, series};
use crate::{
    Context, ErrorKind,
    catalog::{Claim, MarkerState, Repository, claim, started},
    store::Key,
    testing::{ManualClock, MemoryOptions, MemoryStore},
};
use jiff::SignedDuration;
use std::{collections::HashSet, sync::Arc};

async fn race(kit: &Kit, runs: usize) -> Vec<Claim> {
    let runs: Vec<_> = (0..runs)
        .map(|_| {
            let cx = kit.cx.clone();
            tokio::spawn(async move { claim(&cx, series(&nowhere()), &holder(), keys_of).await.unwrap() })
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
    let claimed = claim(&kit.cx, series(&nowhere()), &holder(), keys_of).await.unwrap();
    assert!(claimed.id > second);
    for (name, taken) in [("/old-dump", true), (".snap", true), ("", false)] {
        let [kit, _] = Kit::both();
        kit.memory.plant(&Key::from(format!("{first}{name}x")), "old");
        let claimed = claim(&kit.cx, series(&nowhere()), &holder(), keys_of).await.unwrap();
        assert!(claimed.id > first || !taken, "{name}");
    }
}

fn on_a_clock(kit: &Kit, at: jiff::Timestamp) -> Context {
    Context {
        clock: Arc::new(ManualClock::at(at)),
        ..kit.cx.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn no_run_is_named_before_a_backup_of_its_series_that_exists() {
    for kit in Kit::both() {
        let newest = backup(&kit.cx).await.unwrap();
        let repository = Repository::open(&kit.cx).await.unwrap().unwrap();
        for (behind, said) in [(0, false), (1, false), (200, true), (86_000, true)] {
            let slow = newest.timestamp() - SignedDuration::from_secs(behind);
            let claimed = claim(&on_a_clock(&kit, slow), series(&repository), &holder(), keys_of)
                .await
                .unwrap();
            assert!(claimed.id > newest, "{behind} s behind: {}", claimed.id);
            assert_eq!(claimed.ahead(slow).is_some(), said, "{behind} s behind");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_prove_nothing_and_backups_of_others_move_nothing() {
    for kit in Kit::both() {
        backup(&kit.cx).await.unwrap();
        let repository = Repository::open(&kit.cx).await.unwrap().unwrap();
        kit.memory.plant(&Key::from("_pbe/manifests/20991231_235959.json"), "");
        let later = on_a_clock(&kit, kit.cx.clock.now() + SignedDuration::from_hours(3));
        backup_with(&later, |manifest| manifest.lineage = "cluster-2".into())
            .await
            .unwrap();
        backup_with(&later, |manifest| manifest.target = "vault.raft".into())
            .await
            .unwrap();
        backup(&Context {
            keyring: None,
            ..later.clone()
        })
        .await
        .unwrap();
        let claimed = claim(&kit.cx, series(&repository), &holder(), keys_of).await.unwrap();
        assert!(claimed.ahead(kit.cx.clock.now()).is_none(), "{}", claimed.id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_a_day_away_from_the_store_or_the_newest_backup_names_nothing() {
    for kit in Kit::both() {
        for hours in [-24 * 400, -25, 25, 24 * 366 * 170] {
            let wrong = on_a_clock(&kit, kit.cx.clock.now() + SignedDuration::from_hours(hours));
            let error = claim(&wrong, series(&nowhere()), &holder(), keys_of).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{hours}");
            assert!(kit.memory.keys().is_empty(), "nothing is left");
        }
        let newest = backup(&kit.cx).await.unwrap();
        let repository = Repository::open(&kit.cx).await.unwrap().unwrap();
        let before = kit.memory.keys().len();
        let behind = on_a_clock(&kit, kit.cx.clock.now() - SignedDuration::from_hours(30));
        let error = claim(&behind, series(&repository), &holder(), keys_of)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(
            error
                .hints()
                .iter()
                .any(|hint| hint.contains(&format!("prune --forget {newest}")))
        );
        assert_eq!(kit.memory.keys().len(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_delete_an_id_given_up_is_condemned() {
    let kit = Kit::new(MemoryOptions {
        deletes: false,
        ..MemoryOptions::default()
    });
    claim(&kit.cx, series(&nowhere()), &holder(), keys_of).await.unwrap();
    let second = claim(&kit.cx, series(&nowhere()), &holder(), keys_of).await.unwrap();
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
        let error = claim(&kit.cx, series(&nowhere()), &holder(), |_| vec![Key::from(key)])
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
        let error = claim(&kit.cx, series(&nowhere()), &holder(), plan).await.unwrap_err();
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
    let claimed = claim(&kit.cx, series(&nowhere()), &holder(), plan).await.unwrap();
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

//! What nobody needs any more beside the backups: by the target, probes, evidence.

use super::*;

#[tokio::test(start_paused = true)]
async fn old_probes_and_evidence_about_nothing_are_swept() {
    for kit in Kit::both() {
        let id = backup(&kit.cx).await.unwrap();
        let started = dies(&kit).await;
        let judged = |id| layout::evidence(id).with("x.json");
        let [old, young] = ["old", "young"].map(|name| Key::from(format!("{}{name}", layout::PROBES)));
        kit.memory.plant(&old, "probe");
        for about in [id, started, "20200101_000000".parse().unwrap()] {
            kit.memory.plant(&judged(about), "{}");
        }
        kit.hours(25);
        let other = Fake {
            name: "postgres.base",
            ..Fake::default()
        };
        kit.memory.plant(&young, "probe");
        prune(&kit.cx, &other, &request(&kit.cx).await.unwrap()).await.unwrap();
        let left: Vec<_> = kit.memory.keys();
        let gone = [old, judged("20200101_000000".parse().unwrap())];
        assert!(gone.iter().all(|key| !left.contains(key)));
        assert!(
            [young, judged(id), judged(started)]
                .iter()
                .all(|key| left.contains(key))
        );
    }
}

/// Everything that may stand beside a backup, of which its target says that nobody needs it; what of it may go.
async fn unneeded(kit: &Kit) -> (Fake, Key) {
    let expired = backup(&kit.cx).await.unwrap();
    let kept = backup(&kit.cx).await.unwrap();
    let base = backup_with(&kit.cx, |manifest| manifest.target = "postgres.base".into());
    let base = base.await.unwrap();
    let dead = dies(kit).await;
    let stray = |id: BackupId, name: &str| Key::from(format!("{id}{name}"));
    let left = stray(kept, "/b.pbe.0002");
    let mut unneeded = vec![
        left.clone(),
        stray(kept, "/notes.txt"),
        stray(kept, "x"),
        stray(base, "/a.pbe.0002"),
    ];
    unneeded.extend([
        stray(expired, "/notes.txt"),
        stray(dead, "/a.pbe.0002"),
        Key::from("readme.txt"),
    ]);
    for key in &unneeded {
        kit.memory.plant(key, "left");
    }
    // It wants to sweep even backups.
    unneeded.extend(kit.memory.keys());
    let target = Fake {
        unneeded,
        ..Fake::default()
    };
    (target, left)
}

#[tokio::test(start_paused = true)]
async fn a_target_sweeps_what_its_finished_runs_claimed_and_no_backup_holds_and_nothing_else() {
    for kit in Kit::both() {
        let (target, left) = unneeded(&kit).await;
        let before: Vec<Key> = kit.memory.keys();
        let request = request(&kit.cx).await.unwrap();
        let plan = plan_prune(&kit.cx, &target, &request, kit.cx.clock.now(), None)
            .await
            .unwrap();
        assert_eq!((plan.unneeded.objects, plan.unneeded.bytes), (1, 4));
        assert_eq!(kit.memory.keys(), before, "planning deletes nothing");
        let report = prune(&kit.cx, &target, &request).await.unwrap();
        let expired = report.expired[0].to_string();
        let notes = Key::from(format!("{expired}/notes.txt"));
        let lost = before.iter().filter(|key| kit.memory.peek(key).is_none());
        let lost: Vec<&Key> = lost.filter(|key| !key.to_string().contains(&expired)).collect();
        assert_eq!(
            lost.into_iter()
                .filter(|key| !key.to_string().contains("lease"))
                .collect::<Vec<_>>(),
            [&left]
        );
        assert!(kit.memory.peek(&notes).is_some());
        whole(&kit);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_target_sweeps_stays_if_the_author_of_its_marker_is_not_proved() {
    let [kit, _] = Kit::both();
    let (target, left) = unneeded(&kit).await;
    let (id, _) = layout::split_id(&left, "").unwrap();
    let mut marker = started::read(&kit.cx, &marker_of(&kit, id))
        .await
        .unwrap()
        .unwrap()
        .value;
    marker.nonce = crate::id::Id16([9; 16]);
    let mut stranger = kit.cx.clone();
    stranger.keyring = Some(ring(9));
    started::write(&stranger, &marker).await.unwrap();
    prune(&kit.cx, &target, &request(&kit.cx).await.unwrap()).await.unwrap();
    assert!(kit.memory.peek(&left).is_some());
}

//! Markers and manifests that cannot be read, or are not what their run wrote.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_marker_that_cannot_be_read_costs_nothing_and_stops_nothing() {
    let [kit, _] = Kit::both();
    let old = [backup(&kit.cx).await.unwrap(), backup(&kit.cx).await.unwrap()];
    let kept = backup(&kit.cx).await.unwrap();
    let spoiled = marker_of(&kit, old[0]);
    kit.memory.plant(&spoiled, "junk");
    let report = pruned(&kit.cx).await.unwrap();
    assert_eq!(report.expired, [old[1], old[0]]);
    assert!(kit.log.text().contains(&spoiled.to_string()));
    let names = kit.names();
    assert!(names.contains(&spoiled.to_string()));
    assert_eq!(
        names.iter().filter(|name| !name.contains(&kept.to_string())).count(),
        1,
        "{names:?}"
    );
    pruned(&kit.cx).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_cannot_be_pruned_does_not_stop_the_others() {
    let [kit, _] = Kit::both();
    let old = [backup(&kit.cx).await.unwrap(), backup(&kit.cx).await.unwrap()];
    let kept = backup(&kit.cx).await.unwrap();
    for number in 0..1001 {
        kit.memory
            .plant(&layout::markers(old[1]).with(format!("{number:032}")), "junk");
    }
    let error = pruned(&kit.cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains(&old[1].to_string()), "{error}");
    assert_eq!(list::ids(&kit.cx).await.unwrap(), [kept, old[1]]);
}

/// A backup whose manifest is not one any more, and a newer one.
async fn spoiled(kit: &Kit, manifest: impl Into<bytes::Bytes>) -> BackupId {
    let old = backup(&kit.cx).await.unwrap();
    kit.memory.plant(&layout::manifest(old), manifest);
    kit.memory.plant(&Key::from(format!("{old}/notes.txt")), "old");
    backup(&kit.cx).await.unwrap();
    old
}

fn about(kit: &Kit, id: BackupId) -> usize {
    kit.names().iter().filter(|name| name.contains(&id.to_string())).count()
}

#[tokio::test(start_paused = true)]
async fn a_backup_with_a_damaged_manifest_goes_by_the_same_rules_with_what_its_run_claimed() {
    for kit in Kit::both() {
        let old = spoiled(&kit, "withdrawn\n").await;
        assert!(
            pruned(&kit.cx).await.unwrap().expired.is_empty(),
            "its run may be at work"
        );
        kit.hours(25);
        let request = request(&kit.cx).await.unwrap();
        let plan = plan_prune(&kit.cx, &Fake::default(), &request, kit.cx.clock.now(), None).await;
        assert_eq!(plan.unwrap().backups[1].reason, Reason::Spoiled);
        assert_eq!(about(&kit, old), 5);
        assert_eq!(pruned(&kit.cx).await.unwrap().expired, [old]);
        assert_eq!(about(&kit, old), 1, "{:?}", kit.names());
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_manifest_of_nobody_or_of_another_target_stays_and_one_of_a_newer_version_or_another_repository() {
    let [nobody, another] = Kit::both();
    let old = spoiled(&nobody, "{}").await;
    nobody.memory.remove(&marker_of(&nobody, old));
    let base = spoiled(&another, "{}").await;
    let mut marker = started::read(&another.cx, &marker_of(&another, base))
        .await
        .unwrap()
        .unwrap()
        .value;
    marker.target = "postgres.base".into();
    started::write(&another.cx, &marker).await.unwrap();
    let [newer, _] = Kit::both();
    let json = r#"{"format":2}"#;
    let digest = crate::hex::encode(&crate::keys::sha256(&[json.as_bytes()]));
    spoiled(&newer, format!("{json}\npbe1-manifest sha256={digest}\n")).await;
    let [foreign, _] = Kit::both();
    let old = backup(&foreign.cx).await.unwrap();
    let read = document::read::<crate::catalog::Manifest>(&foreign.memory, &layout::manifest(old), None).await;
    let mut manifest = read.unwrap().unwrap().value;
    manifest.repository = crate::id::Id16([9; 16]);
    let bytes = document::encode(&manifest, foreign.cx.keyring.as_deref()).unwrap();
    foreign.memory.plant(&layout::manifest(old), bytes);
    backup(&foreign.cx).await.unwrap();
    for kit in [nobody, another, newer, foreign] {
        kit.hours(25);
        let before = kit.names();
        let report = pruned(&kit.cx).await.unwrap();
        assert_eq!(report.plan.backups[1].reason, Reason::Unreadable);
        assert_eq!(kit.names(), before);
    }
}

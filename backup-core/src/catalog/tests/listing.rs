use super::kit::{Kit, TARGET, backup, backup_with, holder, repository, ring};
use crate::{
    Context, ErrorKind,
    catalog::{Depth, Entry, Evidence, Format, Repository, State, document, evidence, foreign::foreign, layout, list},
    id::BackupId,
    store::Key,
    testing::FaultyStore,
};
use futures::{StreamExt, TryStreamExt};
use std::{collections::HashSet, sync::Arc};

async fn entries(cx: &Context) -> Vec<Entry> {
    let repository = Repository::open(cx).await.unwrap().unwrap();
    list::entries(cx, &repository)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap()
}

pub(super) async fn judge(cx: &Context, id: BackupId, ok: bool) {
    judge_deep(cx, id, Depth::Content, ok).await;
}

async fn judge_deep(cx: &Context, id: BackupId, depth: Depth, ok: bool) {
    let repository = repository(cx).await;
    let manifest = list::entry(cx, &repository, id).await.unwrap().unwrap().manifest;
    let evidence = Evidence {
        format: Format,
        id,
        repository: repository.id,
        manifest: manifest.unwrap().digest,
        target: TARGET.into(),
        at: cx.clock.now(),
        depth,
        ok,
        damaged: vec![],
        tool: "test".into(),
    };
    evidence::record(cx, &evidence).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn damaged_manifests_are_entries_of_their_own() {
    let [kit, _] = Kit::both();
    let whole = backup(&kit.cx).await.unwrap();
    let partial = backup_with(&kit.cx, |manifest| manifest.complete = false)
        .await
        .unwrap();
    let flipped = backup(&kit.cx).await.unwrap();
    let mut bytes = kit.memory.peek(&layout::manifest(flipped)).unwrap().to_vec();
    bytes[20] ^= 1;
    kit.memory.plant(&layout::manifest(flipped), bytes);
    let renamed: BackupId = "20260501_000000".parse().unwrap();
    kit.memory.plant(
        &layout::manifest(renamed),
        kit.memory.peek(&layout::manifest(whole)).unwrap(),
    );
    kit.memory.plant(&Key::from("_pbe/manifests/notes.txt"), "hello");
    let found: Vec<_> = entries(&kit.cx)
        .await
        .iter()
        .map(|entry| (entry.id, entry.state()))
        .collect();
    let expected = [
        (renamed, State::Damaged),
        (flipped, State::Damaged),
        (partial, State::Partial),
        (whole, State::Complete),
    ];
    assert_eq!(found, expected);
    assert!(kit.log.text().contains("notes.txt"));
}

#[tokio::test(start_paused = true)]
async fn no_number_of_other_documents_hides_a_failed_verification() {
    let [kit, _] = Kit::both();
    let id = backup(&kit.cx).await.unwrap();
    judge(&kit.cx, id, false).await;
    for number in 0..40 {
        kit.hours(1);
        judge_deep(&kit.cx, id, Depth::Objects, true).await;
        let junk = layout::evidence(id).with(format!("99991231_{number:06}-{number:032}.json"));
        kit.memory.plant(&junk, "junk");
    }
    let proof = &entries(&kit.cx).await[0].proof;
    assert_eq!(proof.failed.as_ref().unwrap().depth, Depth::Content);
    assert_eq!(proof.verified.as_ref().unwrap().depth, Depth::Objects);
}

#[tokio::test(start_paused = true)]
async fn evidence_about_another_manifest_of_the_same_id_counts_for_nothing() {
    let [kit, _] = Kit::both();
    let id = backup(&kit.cx).await.unwrap();
    judge(&kit.cx, id, true).await;
    assert!(entries(&kit.cx).await[0].proof.verified.is_some());
    let read = document::read::<crate::catalog::Manifest>(&kit.memory, &layout::manifest(id), None).await;
    let mut manifest = read.unwrap().unwrap().value;
    manifest.lineage = "another".into();
    let bytes = document::encode(&manifest, kit.cx.keyring.as_deref()).unwrap();
    kit.memory.plant(&layout::manifest(id), bytes);
    assert_eq!(entries(&kit.cx).await[0].proof, crate::catalog::Proof::default());
}

#[tokio::test(start_paused = true)]
async fn evidence_without_a_known_signature_counts_for_nothing() {
    let [kit, _] = Kit::both();
    let id = backup(&kit.cx).await.unwrap();
    let mut forger = kit.cx.clone();
    forger.keyring = None;
    judge(&forger, id, true).await;
    forger.keyring = Some(ring(9));
    judge(&forger, id, false).await;
    let found = entries(&kit.cx).await;
    assert_eq!(found[0].proof, crate::catalog::Proof::default());
    assert!(kit.log.text().contains("does not count as evidence"));
}

#[tokio::test(start_paused = true)]
async fn manifests_list_without_a_key_and_are_then_not_authentic() {
    let [kit, _] = Kit::both();
    backup(&kit.cx).await.unwrap();
    let mut keyless = kit.cx.clone();
    keyless.keyring = None;
    let found = entries(&keyless).await;
    assert_eq!(found[0].state(), State::Complete);
    assert!(!found[0].is_authentic(&keyless));
    assert!(entries(&kit.cx).await[0].is_authentic(&kit.cx));
}

#[tokio::test(start_paused = true)]
async fn a_backup_of_another_repository_is_refused_and_not_called_damaged() {
    let [kit, _] = Kit::both();
    let id = backup_with(&kit.cx, |_| {}).await.unwrap();
    let read = document::read::<crate::catalog::Manifest>(&kit.memory, &layout::manifest(id), None).await;
    let mut manifest = read.unwrap().unwrap().value;
    manifest.repository = crate::id::Id16([9; 16]);
    let bytes = document::encode(&manifest, kit.cx.keyring.as_deref()).unwrap();
    kit.memory.plant(&layout::manifest(id), bytes);
    let found = entries(&kit.cx).await;
    assert_eq!(found[0].manifest.as_ref().unwrap_err().kind(), ErrorKind::Refused);
}

#[tokio::test(start_paused = true)]
async fn files_of_others_are_foreign_and_ours_are_not() {
    let [kit, _] = Kit::both();
    let id = backup(&kit.cx).await.unwrap();
    let mut theirs = vec![
        "20250101_000000/platform_money.dump".to_owned(),
        "readme.txt".into(),
        "files/a/b".into(),
        format!("{id}/notes.txt"),
    ];
    for key in &theirs {
        kit.memory.plant(&Key::from(key.as_str()), "old");
    }
    let found: Vec<Key> = foreign(&kit.cx).try_collect().await.unwrap();
    let mut found: Vec<String> = found.iter().map(Key::to_string).collect();
    found.sort();
    theirs.sort();
    assert_eq!(found, theirs);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_manifests_are_listed_with_sixteen_in_memory() {
    let [kit, _] = Kit::both();
    let repository = Repository::open_or_create(&kit.cx, &holder()).await.unwrap();
    let first = backup(&kit.cx).await.unwrap();
    let read = document::read::<crate::catalog::Manifest>(&kit.memory, &layout::manifest(first), None).await;
    let mut manifest = read.unwrap().unwrap().value;
    for artifact in &mut manifest.artifacts {
        artifact.objects.clear();
    }
    for number in 1..10_000 {
        manifest.id = BackupId::at(first.timestamp() + jiff::SignedDuration::from_mins(number));
        kit.memory.plant(
            &layout::manifest(manifest.id),
            document::encode(&manifest, None).unwrap(),
        );
    }
    let counting = Arc::new(FaultyStore::new(Arc::new(kit.memory.clone())));
    let cx = kit.on(counting.clone());
    let mut listed = std::pin::pin!(list::entries(&cx, &repository).await.unwrap());
    let listings: HashSet<_> = counting.log().into_iter().collect();
    assert_eq!(listings.len(), 2, "one of manifests, one of evidence: {listings:?}");
    let read = || counting.log().iter().filter(|call| call.starts_with("get ")).count();
    let (mut seen, mut previous) = (0, None);
    while let Some(entry) = listed.next().await {
        let id = entry.unwrap().id;
        assert!(previous.is_none_or(|previous| id < previous), "newest first");
        // The log is long: it is looked at now and then.
        if seen % 500 == 0 {
            assert!(read() - seen <= list::CONCURRENCY, "read and not yet looked at");
        }
        (seen, previous) = (seen + 1, Some(id));
    }
    assert_eq!(seen, 10_000);
}

use super::{
    kit::{Kit, TARGET, backup, backup_signed_by, backup_with, begin, repository, ring},
    listing::judge,
};
use crate::{
    Context, Error, ErrorKind,
    catalog::{Failure, Manifest, Sought, document, latest, layout},
    id::BackupId,
};
use std::time::Duration;

const OF_ANY: Sought<'static> = Sought {
    target: TARGET,
    lineage: None,
    artifact: None,
    allow_unauthenticated: false,
    allow_failed: false,
};
const OF_A: Sought<'static> = Sought {
    artifact: Some("a.pbe"),
    lineage: Some("cluster-1"),
    ..OF_ANY
};

async fn found(cx: &Context, sought: Sought<'_>) -> Result<Option<BackupId>, Error> {
    let repository = repository(cx).await;
    let entry = latest(cx, &repository, sought).await?;
    Ok(entry.map(|entry| entry.id))
}

/// It is not known, and the error names what is in doubt and the newest good one.
async fn assert_unknown(cx: &Context, sought: Sought<'_>, doubtful: BackupId, good: Option<BackupId>) {
    let error = found(cx, sought).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}");
    assert!(error.to_string().contains(&doubtful.to_string()), "{error}");
    let hints = error.hints().join(" ");
    match good {
        Some(good) => assert!(
            hints.contains(&format!("the newest good one before is {good}")),
            "{hints}"
        ),
        None => assert!(hints.contains("no good one is known"), "{hints}"),
    }
}

async fn partial(cx: &Context, without: &'static str) -> BackupId {
    let change = |manifest: &mut Manifest| {
        manifest.complete = false;
        manifest.artifacts.retain(|artifact| artifact.name != without);
        manifest.failures.push(Failure {
            name: without.into(),
            error: "permission denied".into(),
        });
    };
    backup_with(cx, change).await.unwrap()
}

fn flip(kit: &Kit, id: BackupId) {
    let mut bytes = kit.memory.peek(&layout::manifest(id)).unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    kit.memory.plant(&layout::manifest(id), bytes);
}

#[tokio::test(start_paused = true)]
async fn the_latest_is_the_newest_of_its_target_lineage_and_artifact() {
    let [kit, _] = Kit::both();
    let whole = backup(&kit.cx).await.unwrap();
    let without_a = partial(&kit.cx, "a.pbe").await;
    let without_b = partial(&kit.cx, "b.pbe").await;
    backup_with(&kit.cx, |manifest| manifest.target = "postgres.base".into())
        .await
        .unwrap();
    let other = backup_with(&kit.cx, |manifest| manifest.lineage = "cluster-2".into())
        .await
        .unwrap();
    let b = Sought {
        artifact: Some("b.pbe"),
        ..OF_A
    };
    assert_eq!(
        found(&kit.cx, OF_A).await.unwrap(),
        Some(without_b),
        "a partial one that holds it"
    );
    assert_eq!(found(&kit.cx, b).await.unwrap(), Some(without_a));
    assert_eq!(found(&kit.cx, OF_ANY).await.unwrap(), Some(other));
    let complete = Sought {
        lineage: Some("cluster-1"),
        ..OF_ANY
    };
    assert_eq!(found(&kit.cx, complete).await.unwrap(), Some(whole));
    assert_eq!(
        found(
            &kit.cx,
            Sought {
                lineage: Some("cluster-3"),
                ..OF_A
            }
        )
        .await
        .unwrap(),
        None
    );
    assert_eq!(
        found(
            &kit.cx,
            Sought {
                artifact: Some("c"),
                ..OF_A
            }
        )
        .await
        .unwrap(),
        None
    );
    assert!(kit.log.text().contains("could not be saved then: permission denied"));
}

#[tokio::test(start_paused = true)]
async fn where_something_newer_is_damaged_the_latest_is_not_known() {
    let [kit, _] = Kit::both();
    let good = backup(&kit.cx).await.unwrap();
    let flipped = backup(&kit.cx).await.unwrap();
    flip(&kit, flipped);
    for sought in [OF_ANY, OF_A] {
        assert_unknown(&kit.cx, sought, flipped, Some(good)).await;
    }
    let newer = backup(&kit.cx).await.unwrap();
    assert_eq!(
        found(&kit.cx, OF_A).await.unwrap(),
        Some(newer),
        "older damage is the business of list"
    );
    flip(&kit, good);
    flip(&kit, newer);
    assert_unknown(&kit.cx, OF_A, newer, None).await;
}

#[tokio::test(start_paused = true)]
async fn damage_of_another_target_is_no_doubt_where_its_markers_prove_whose_it_is() {
    let [kit, _] = Kit::both();
    let good = backup(&kit.cx).await.unwrap();
    let run = begin(&kit.cx, Duration::from_secs(100)).await.unwrap();
    run.lease.release().await.unwrap();
    let (id, marker) = (run.claim.id, run.claim.marker());
    kit.memory.plant(&layout::manifest(id), "damaged");
    assert_unknown(&kit.cx, OF_A, id, Some(good)).await;
    let read = document::read::<crate::catalog::StartedMarker>(&kit.memory, &marker, None).await;
    let mut theirs = read.unwrap().unwrap().value;
    theirs.target = "vault.raft".into();
    kit.memory
        .plant(&marker, document::encode(&theirs, kit.cx.keyring.as_deref()).unwrap());
    assert_eq!(found(&kit.cx, OF_A).await.unwrap(), Some(good));
    kit.memory.plant(&marker, document::encode(&theirs, None).unwrap());
    assert_unknown(&kit.cx, OF_A, id, Some(good)).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_verification_is_a_doubt_unless_it_is_to_be_verified_again() {
    let [kit, _] = Kit::both();
    let older = backup(&kit.cx).await.unwrap();
    let newer = backup(&kit.cx).await.unwrap();
    judge(&kit.cx, newer, false).await;
    assert_unknown(&kit.cx, OF_A, newer, Some(older)).await;
    let again = Sought {
        allow_failed: true,
        ..OF_A
    };
    assert_eq!(found(&kit.cx, again).await.unwrap(), Some(newer));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_vouches_for_is_a_doubt_and_the_latest_only_where_there_is_nothing_else() {
    let [kit, _] = Kit::both();
    let ours = backup(&kit.cx).await.unwrap();
    let unsigned = backup_signed_by(&kit, None, |_| {}).await;
    let theirs = backup_signed_by(&kit, Some(ring(9)), |_| {}).await;
    assert_unknown(&kit.cx, OF_A, unsigned, Some(ours)).await;
    assert_unknown(&kit.cx, OF_A, theirs, Some(ours)).await;
    let vouched = Sought {
        allow_unauthenticated: true,
        ..OF_A
    };
    assert_eq!(found(&kit.cx, vouched).await.unwrap(), Some(theirs));
    // A wrong key must hear that it does not do, not that there is nothing.
    let stranger = Context {
        keyring: Some(ring(5)),
        ..kit.cx.clone()
    };
    assert_eq!(found(&stranger, OF_A).await.unwrap(), Some(theirs));
    flip(&kit, theirs);
    assert_unknown(&stranger, OF_A, theirs, None).await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_another_lineage_by_nobody_known_is_no_doubt() {
    let [kit, _] = Kit::both();
    let ours = backup(&kit.cx).await.unwrap();
    backup_signed_by(&kit, Some(ring(9)), |manifest| manifest.lineage = "cluster-2".into()).await;
    assert_eq!(found(&kit.cx, OF_A).await.unwrap(), Some(ours));
}

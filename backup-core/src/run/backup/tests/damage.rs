//! What somebody, or a disk, did to what is stored.

use super::fake::{Fake, damage_of, data, kits, listed, run};
use crate::{
    Error, ErrorKind, Result,
    catalog::{Depth, Manifest, State, StoredObject, layout, tests::kit::Kit},
    pipeline::content,
    run::{Damage, content_source, verify, verify_at_once},
    store::Key,
};
use bytes::Bytes;
use futures::TryStreamExt;

async fn backed_up(kit: &Kit) -> Manifest {
    run(&kit.cx, &Fake::default()).await.unwrap().manifest
}

fn object<'m>(manifest: &'m Manifest, artifact: &str) -> &'m StoredObject {
    let found = manifest.artifacts.iter().find(|found| found.name == artifact);
    &found.unwrap().objects[0]
}

fn key(object: &StoredObject) -> Key {
    Key::from(object.key.as_str())
}

fn stored(kit: &Kit, object: &StoredObject) -> Bytes {
    kit.memory.peek(&key(object)).unwrap()
}

async fn read(kit: &Kit, manifest: &Manifest, artifact: &str) -> Result<Vec<u8>> {
    let found = manifest.artifacts.iter().find(|found| found.name == artifact).unwrap();
    let source = content_source(&kit.cx, &Fake::default(), manifest);
    let pieces: Vec<Bytes> = content(source, found.clone()).try_collect().await?;
    Ok(pieces.concat())
}

/// Reading fails as `kinds` say and names the key; a verification finds this one artifact, by its key. Then all is put back as it was.
async fn demand_found(
    kit: &Kit,
    manifest: &Manifest,
    artifact: &str,
    good: &Bytes,
    what: &str,
) -> (Error, Vec<Damage>) {
    let object = object(manifest, artifact);
    let error = read(kit, manifest, artifact).await.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::Damaged, "{what}: {error:?}");
    assert!(error.chain().contains(&object.key), "{what}: {}", error.chain());
    let damage = damage_of(verify(&kit.cx, &Fake::default(), manifest, Depth::Content).await);
    let keys: Vec<&str> = damage.iter().map(|damage| damage.key.as_str()).collect();
    assert_eq!(keys, [object.key.as_str()], "{what}: {damage:?}");
    kit.memory.plant(&key(object), good.clone());
    assert_eq!(read(kit, manifest, artifact).await.unwrap(), data(artifact), "{what}");
    (error, damage)
}

#[tokio::test(start_paused = true)]
async fn several_at_once_find_what_one_after_the_other_finds() {
    let [kit, _] = kits();
    let manifest = backed_up(&kit).await;
    for artifact in &manifest.artifacts {
        let object = &artifact.objects[0];
        let mut bad = stored(&kit, object).to_vec();
        bad[object.payload_offset as usize + 3] ^= 1;
        kit.memory.plant(&key(object), bad);
    }
    let one = damage_of(verify(&kit.cx, &Fake::default(), &manifest, Depth::Content).await);
    assert_eq!(one.len(), manifest.artifacts.len());
    for jobs in [0, 2, 100] {
        let several = verify_at_once(&kit.cx, &Fake::default(), &manifest, Depth::Content, jobs).await;
        assert_eq!(damage_of(several), one, "{jobs} at once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flipped_byte_in_any_region_of_an_object_is_found_and_named() {
    let [kit, _] = kits();
    let manifest = backed_up(&kit).await;
    let small = object(&manifest, "small");
    let (good, payload) = (stored(&kit, small), small.payload_offset as usize);
    // The id of the key in a slot is public: a wrong one cannot be told from an object that was sealed for somebody else.
    let l_fixed = u32::from_le_bytes(good[8..12].try_into().unwrap()) as usize;
    let slot = 12 + l_fixed + 4 + 1;
    let id_of_key = slot..slot + 9;
    for at in 0..good.len() {
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        kit.memory.plant(&key(small), bad);
        if id_of_key.contains(&at) {
            let error = read(&kit, &manifest, "small").await.unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Key | ErrorKind::Damaged),
                "byte {at}: {error:?}"
            );
            assert!(error.chain().contains(&small.key), "byte {at}: {}", error.chain());
            for depth in [Depth::Objects, Depth::Content] {
                let found = verify(&kit.cx, &Fake::default(), &manifest, depth).await;
                assert!(!found.is_good(), "byte {at}, {depth:?}");
            }
            continue;
        }
        let (_, damage) = demand_found(&kit, &manifest, "small", &good, &format!("byte {at} of {payload}")).await;
        assert_eq!(damage[0].artifact, "small");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_at_any_length_is_found_and_named() {
    let [kit, _] = kits();
    let manifest = backed_up(&kit).await;
    let small = object(&manifest, "small");
    let good = stored(&kit, small);
    for length in 0..good.len() {
        kit.memory.plant(&key(small), good.slice(..length));
        demand_found(&kit, &manifest, "small", &good, &format!("cut to {length}")).await;
    }
    let longer = [&good[..], b"x"].concat();
    kit.memory.plant(&key(small), longer);
    demand_found(&kit, &manifest, "small", &good, "a byte too many").await;
    kit.memory.remove(&key(small));
    let (error, _) = demand_found(&kit, &manifest, "small", &good, "gone").await;
    assert!(error.to_string().contains("is missing"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn objects_put_in_each_others_place_are_found_and_named() {
    let [kit, _] = kits();
    let old = backed_up(&kit).await;
    let new = backed_up(&kit).await;
    let (small, empty) = (object(&new, "small"), object(&new, "empty"));
    let good = stored(&kit, small);
    for (what, other) in [
        ("another artifact", stored(&kit, empty)),
        ("an older version", stored(&kit, object(&old, "small"))),
    ] {
        kit.memory.plant(&key(small), other);
        demand_found(&kit, &new, "small", &good, what).await;
    }
    // Both ways at once: each names its own key.
    let (one, other) = (stored(&kit, small), stored(&kit, empty));
    kit.memory.plant(&key(small), other.clone());
    kit.memory.plant(&key(empty), one.clone());
    let damage = damage_of(verify(&kit.cx, &Fake::default(), &new, Depth::Content).await);
    let mut keys: Vec<&str> = damage.iter().map(|damage| damage.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, [empty.key.as_str(), small.key.as_str()]);
}

#[tokio::test(start_paused = true)]
async fn the_objects_of_a_long_artifact_cannot_change_places() {
    let [kit, _] = kits();
    let manifest = backed_up(&kit).await;
    let large = manifest.artifacts.iter().find(|found| found.name == "large").unwrap();
    let (first, second) = (&large.objects[0], &large.objects[1]);
    let (one, two) = (stored(&kit, first), stored(&kit, second));
    kit.memory.plant(&key(first), two);
    kit.memory.plant(&key(second), one);
    let error = read(&kit, &manifest, "large").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let damage = damage_of(verify(&kit.cx, &Fake::default(), &manifest, Depth::Content).await);
    let keys: Vec<&str> = damage.iter().map(|damage| damage.key.as_str()).collect();
    assert_eq!(keys, [first.key.as_str(), second.key.as_str()]);
    // A part of it that is missing is never taken for its end.
    kit.memory.remove(&key(second));
    assert_eq!(
        read(&kit, &manifest, "large").await.unwrap_err().kind(),
        ErrorKind::Damaged
    );
}

/// The same keys, the same name, the same content: only the repository differs.
#[tokio::test(start_paused = true)]
async fn an_object_of_another_repository_is_found_and_named() {
    let [kit, other] = kits();
    let manifest = backed_up(&kit).await;
    let strange = backed_up(&other).await;
    let small = object(&manifest, "small");
    let good = stored(&kit, small);
    assert_eq!(
        small.logical_path,
        object(&strange, "small").logical_path,
        "the test needs equal names"
    );
    kit.memory.plant(&key(small), stored(&other, object(&strange, "small")));
    let (error, _) = demand_found(&kit, &manifest, "small", &good, "another repository").await;
    assert!(error.chain().contains("belongs to repository"), "{}", error.chain());
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_slots_were_emptied_is_found_and_named() {
    let [kit, _] = kits();
    let manifest = backed_up(&kit).await;
    let small = object(&manifest, "small");
    let good = stored(&kit, small);
    let l_fixed = u32::from_le_bytes(good[8..12].try_into().unwrap()) as usize;
    let slots = 12 + l_fixed + 4;
    let mut bad = good.to_vec();
    bad[slots..slots + 512].fill(0);
    kit.memory.plant(&key(small), bad);
    demand_found(&kit, &manifest, "small", &good, "stripped").await;
    // A slot for a stranger's key in place of ours: no key here can tell whether that is damage.
    let mut bad = good.to_vec();
    bad[slots + 2..slots + 10].fill(7);
    kit.memory.plant(&key(small), bad);
    let error = read(&kit, &manifest, "small").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(error.chain().contains(&small.key), "{}", error.chain());
}

/// A damaged manifest is shown as damaged, is never latest, and is never pruned.
#[tokio::test(start_paused = true)]
async fn a_flipped_byte_or_a_cut_anywhere_in_a_manifest_is_shown_as_damage() {
    let [kit, _] = kits();
    let manifest = backed_up(&kit).await;
    let key = layout::manifest(manifest.id);
    let good = kit.memory.peek(&key).unwrap();
    let flips = (0..good.len()).map(|at| {
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        (format!("byte {at} of {}", good.len()), bad)
    });
    let cuts = (0..good.len()).map(|length| (format!("cut to {length}"), good[..length].to_vec()));
    for (what, bad) in flips.chain(cuts) {
        kit.memory.plant(&key, bad);
        let shown = listed(&kit.cx).await;
        assert_eq!(shown.len(), 1, "{what}");
        // The id of the signing key is not covered by anything: a flip there is a signer that nobody knows.
        let trusted = shown[0].is_authentic(&kit.cx);
        assert!(!trusted, "{what}");
        if shown[0].state() != State::Damaged {
            assert!(what.starts_with("byte"), "{what}: {:?}", shown[0]);
        }
    }
}

/// The manifest of another backup under this one's name, and one of another repository.
#[tokio::test(start_paused = true)]
async fn a_manifest_in_anothers_place_is_shown_as_damage() {
    let [kit, other] = kits();
    let one = backed_up(&kit).await;
    let two = backed_up(&kit).await;
    let key = layout::manifest(two.id);
    let strange = backed_up(&other).await;
    for (what, bytes) in [
        ("another backup", kit.memory.peek(&layout::manifest(one.id)).unwrap()),
        (
            "another repository",
            other.memory.peek(&layout::manifest(strange.id)).unwrap(),
        ),
    ] {
        kit.memory.plant(&key, bytes);
        let shown = listed(&kit.cx).await;
        assert_eq!(shown[1].state(), State::Damaged, "{what}");
        assert_eq!(shown[0].state(), State::Complete, "{what}");
    }
}

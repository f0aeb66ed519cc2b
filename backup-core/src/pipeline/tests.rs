//! What goes through the pipeline comes back, and nothing else does.

mod cancelling;
mod staging;
mod witness;

use super::*;
use crate::{
    Error, ErrorKind, Result,
    catalog::Artifact,
    clock::SystemClock,
    frames::FrameEncoder,
    id::Id16,
    keys::{KeyKind, Keyring, generate},
    store::{Key, ServerEncryption, Store},
    testing::{ManualClock, MemoryOptions, MemoryStore, SeededEntropy},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(super) const REPOSITORY: Id16 = Id16([7; 16]);

pub(super) struct Bench {
    pub(super) memory: MemoryStore,
    pub(super) recorder: Recorder,
    pub(super) keyring: Arc<Keyring>,
}

pub(super) fn keyring(seed: u64) -> Arc<Keyring> {
    let text = generate(KeyKind::Kek, &SeededEntropy::new(seed)).unwrap();
    Arc::new(Keyring::parse(text.expose(), "test").unwrap())
}

pub(super) fn bench(packing: impl FnOnce(Sealing) -> Packing) -> Bench {
    let clock = Arc::new(ManualClock::at("2026-04-22T17:00:00Z".parse().unwrap()));
    let memory = MemoryStore::new(
        clock,
        MemoryOptions {
            part_min: 1,
            encrypts: true,
            ..MemoryOptions::default()
        },
    );
    let keyring = keyring(1);
    let sealing = Sealing {
        keyring: keyring.clone(),
        repository: REPOSITORY,
        component: "postgres".into(),
        tool: "test 1".into(),
        encoder: Arc::new(FrameEncoder::new(3).unwrap()),
        entropy: Arc::new(SeededEntropy::new(2)),
    };
    let recorder = Recorder {
        store: Arc::new(memory.clone()),
        shape: Shape {
            frame: 10_000,
            workers: 2,
            part: 4_000,
            in_flight: 2,
            max_parts: 1_000,
        },
        packing: packing(sealing),
        clock: Arc::new(SystemClock),
        cancel: CancellationToken::new(),
    };
    Bench {
        memory,
        recorder,
        keyring,
    }
}

pub(super) fn name(compress: bool) -> ObjectName {
    ObjectName {
        key: Key::from("id/a.pbe"),
        logical_path: "id/a".into(),
        content_type: "text/plain".into(),
        compress,
    }
}

/// Bytes that compress a little, in pieces of odd sizes.
fn data(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| if i % 3 == 0 { 65 } else { (i * i % 251) as u8 })
        .collect()
}

pub(super) fn source(bytes: &[u8]) -> Source {
    let pieces: Vec<Result<Bytes>> = bytes
        .chunks(777)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    Source::vouched(stream::iter(pieces))
}

pub(super) fn artifact(recorded: &Recorded) -> Artifact {
    Artifact {
        name: "a".into(),
        content_type: "text/plain".into(),
        plain_length: recorded.plain_length,
        weight: None,
        objects: recorded.objects.clone(),
        details: serde_json::Map::new(),
    }
}

async fn read(bench: &Bench, keyring: Option<Arc<Keyring>>, recorded: &Recorded) -> Result<Vec<u8>> {
    let source = ContentSource {
        store: Arc::new(bench.memory.clone()),
        repository: REPOSITORY,
        component: "postgres".into(),
        keyring,
    };
    let pieces: Vec<Bytes> = content(source, artifact(recorded)).try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn what_was_recorded_comes_back() {
    for length in [0, 1, 9_999, 10_000, 10_001, 123_456] {
        for compress in [true, false] {
            let bench = bench(Packing::Sealed);
            let data = data(length);
            let recorded = bench
                .recorder
                .record(&name(compress), source(&data), &|_, _| ())
                .await
                .unwrap();
            assert_eq!(recorded.plain_length, length as u64);
            assert_eq!(
                read(&bench, Some(bench.keyring.clone()), &recorded).await.unwrap(),
                data,
                "{length} {compress}"
            );
        }
    }
}

#[tokio::test]
async fn raw_artifacts_are_stored_as_they_come() {
    let bench = bench(|_| Packing::Raw(ServerEncryption::Kms(None)));
    let data = data(50_000);
    let recorded = bench
        .recorder
        .record(&name(true), source(&data), &|_, _| ())
        .await
        .unwrap();
    assert_eq!(bench.memory.peek(&Key::from("id/a.pbe")).unwrap(), data);
    assert_eq!(read(&bench, None, &recorded).await.unwrap(), data);
}

#[tokio::test]
async fn a_long_artifact_rolls_over_to_further_objects() {
    let mut bench = bench(Packing::Sealed);
    bench.recorder.shape.max_parts = 3;
    let data = data(150_000);
    let recorded = bench
        .recorder
        .record(&name(false), source(&data), &|_, _| ())
        .await
        .unwrap();
    let keys: Vec<_> = recorded.objects.iter().map(|object| object.key.as_str()).collect();
    assert!(keys.len() > 2 && keys[..2] == ["id/a.pbe", "id/a.pbe.0002"], "{keys:?}");
    assert_eq!(
        read(&bench, Some(bench.keyring.clone()), &recorded).await.unwrap(),
        data
    );
}

#[tokio::test]
async fn a_source_that_fails_leaves_nothing() {
    for max_parts in [1_000, 2] {
        let mut bench = bench(Packing::Sealed);
        bench.recorder.shape.max_parts = max_parts;
        let pieces = data(100_000)
            .chunks(5_000)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect::<Vec<_>>();
        let gone = stream::once(async { Err(Error::new(ErrorKind::SourceFailed, "pg_dump was killed")) });
        let source = Source::vouched(stream::iter(pieces).chain(gone));
        let error = bench
            .recorder
            .record(&name(true), source, &|_, _| ())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SourceFailed);
        assert_eq!((bench.memory.keys().len(), bench.memory.unfinished()), (0, 0));
    }
}

#[tokio::test]
async fn a_cancelled_artifact_leaves_nothing() {
    let bench = bench(Packing::Sealed);
    let cancel = bench.recorder.cancel.clone();
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![1; 3_000])));
    let source = Source::vouched(endless.inspect(move |_| cancel.cancel()));
    let error = bench
        .recorder
        .record(&name(false), source, &|_, _| ())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!((bench.memory.keys().len(), bench.memory.unfinished()), (0, 0));
}

#[tokio::test]
async fn another_key_or_no_key_opens_nothing() {
    let bench = bench(Packing::Sealed);
    let recorded = bench
        .recorder
        .record(&name(true), source(&data(5_000)), &|_, _| ())
        .await
        .unwrap();
    for keyring in [None, Some(keyring(99))] {
        assert_eq!(
            read(&bench, keyring, &recorded).await.unwrap_err().kind(),
            ErrorKind::Key
        );
    }
}

#[tokio::test]
async fn every_flipped_byte_and_every_cut_is_found() {
    let bench = bench(Packing::Sealed);
    let data = data(40_000);
    let recorded = bench
        .recorder
        .record(&name(true), source(&data), &|_, _| ())
        .await
        .unwrap();
    let key = Key::from(recorded.objects[0].key.as_str());
    let good = bench.memory.peek(&key).unwrap();
    let store: Arc<dyn Store> = Arc::new(bench.memory.clone());
    for at in (0..good.len())
        .step_by(97)
        .chain(0..700)
        .chain(good.len() - 60..good.len())
    {
        let mut bad = good.to_vec();
        bad[at] ^= 0x10;
        bench.memory.plant(&key, bad);
        let error = read(&bench, Some(bench.keyring.clone()), &recorded).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Key),
            "byte {at}: {error:?}"
        );
        let payload = at as u64 >= recorded.objects[0].payload_offset;
        assert_eq!(
            read_back(store.as_ref(), &recorded.objects[0]).await.is_err(),
            payload,
            "byte {at}"
        );
    }
    for length in [0, 1, 500, good.len() - 1] {
        bench.memory.plant(&key, good.slice(..length));
        assert_eq!(
            read(&bench, Some(bench.keyring.clone()), &recorded)
                .await
                .unwrap_err()
                .kind(),
            ErrorKind::Damaged
        );
        assert_eq!(
            read_back(store.as_ref(), &recorded.objects[0])
                .await
                .unwrap_err()
                .kind(),
            ErrorKind::Damaged
        );
    }
}

#[tokio::test]
async fn a_missing_object_is_damage_and_is_named() {
    let bench = bench(Packing::Sealed);
    let recorded = bench
        .recorder
        .record(&name(true), source(&data(100)), &|_, _| ())
        .await
        .unwrap();
    bench.memory.remove(&Key::from("id/a.pbe"));
    let error = read(&bench, Some(bench.keyring.clone()), &recorded).await.unwrap_err();
    assert!(
        error.kind() == ErrorKind::Damaged && error.to_string().contains("id/a.pbe is missing"),
        "{error}"
    );
}

#[tokio::test]
async fn a_store_that_does_not_confirm_its_encryption_gets_nothing() {
    let bench = bench(|_| Packing::Raw(ServerEncryption::S3));
    let error = bench
        .recorder
        .record(&name(false), source(&data(20_000)), &|_, _| ())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!((bench.memory.keys().len(), bench.memory.unfinished()), (0, 0));
}

#[tokio::test]
async fn content_that_is_shorter_or_longer_than_recorded_is_damage() {
    let bench = bench(Packing::Sealed);
    let mut recorded = bench
        .recorder
        .record(&name(true), source(&data(5_000)), &|_, _| ())
        .await
        .unwrap();
    for length in [4_999, 5_001] {
        recorded.plain_length = length;
        let error = read(&bench, Some(bench.keyring.clone()), &recorded).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
    }
}

/// The stored bytes of the only object of `data`.
async fn carried_away(bench: &Bench, data: &[u8], compress: bool) -> Vec<u8> {
    let recorded = bench
        .recorder
        .record(&name(compress), source(data), &|_, _| ())
        .await
        .unwrap();
    assert_eq!(recorded.objects.len(), 1);
    bench.memory.peek(&Key::from("id/a.pbe")).unwrap().to_vec()
}

async fn open_loose(stored: &[u8], piece: usize, keyring: Option<Arc<Keyring>>) -> Result<Vec<u8>> {
    let pieces: Vec<_> = stored
        .chunks(piece)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let object = LooseObject::begin(stream::iter(pieces).boxed()).await?;
    assert_eq!(object.header().spec().logical_path, "id/a");
    let pieces: Vec<Bytes> = object.content(keyring).try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn a_sealed_object_without_its_manifest_opens_by_what_its_own_header_says() {
    for compress in [true, false] {
        for length in [0, 1, 50_000] {
            let bench = bench(Packing::Sealed);
            let data = data(length);
            let stored = carried_away(&bench, &data, compress).await;
            for piece in [1, 777, usize::MAX] {
                let opened = open_loose(&stored, piece, Some(bench.keyring.clone())).await;
                assert_eq!(opened.unwrap(), data, "{length} {compress} {piece}");
            }
        }
    }
}

#[tokio::test]
async fn a_loose_object_that_was_cut_changed_or_sealed_for_others_gives_an_error() {
    let bench = bench(Packing::Sealed);
    let stored = carried_away(&bench, &data(50_000), true).await;
    let ours = || Some(bench.keyring.clone());
    for length in (0..stored.len()).step_by(97).chain([stored.len() - 1]) {
        let failed = open_loose(&stored[..length], 4_000, ours()).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Damaged, "cut to {length}: {failed:?}");
    }
    let longer = [&stored[..], b"x"].concat();
    assert_eq!(
        open_loose(&longer, 4_000, ours()).await.unwrap_err().kind(),
        ErrorKind::Damaged
    );
    // The first 400 bytes are header; the slots' key ids are not authenticated before a key was found by them.
    for place in (400..stored.len()).step_by(89) {
        let mut flipped = stored.clone();
        flipped[place] ^= 1;
        let failed = open_loose(&flipped, 4_000, ours()).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Damaged, "flipped {place}: {failed:?}");
    }
    for keys in [Some(keyring(9)), None] {
        let failed = open_loose(&stored, 4_000, keys).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Key, "{failed:?}");
    }
}

//! Any part of an artifact is what a whole reading gives there.

use crate::{
    ErrorKind, Result,
    pipeline::{
        ContentSource, Packing, Ranged, Recorded, Sealing,
        tests::{Bench, REPOSITORY, artifact, bench, keyring, name, source},
    },
    store::{Key, ServerEncryption, Store},
};
use std::sync::Arc;

const LENGTH: usize = 70_001;

/// Noise of half its length.
fn data(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 & 0x0f
    });
    noise.take(length).collect()
}

async fn recorded(bench: &Bench, compress: bool, length: usize) -> Recorded {
    let content = source(&data(length));
    bench
        .recorder
        .record(&name(compress), content, &|_, _| {})
        .await
        .unwrap()
}

fn content_source(bench: &Bench) -> ContentSource {
    ContentSource {
        store: Arc::new(bench.memory.clone()),
        repository: REPOSITORY,
        component: "postgres".into(),
        keyring: Some(bench.keyring.clone()),
    }
}

async fn ranged(bench: &Bench, recorded: &Recorded) -> Result<Ranged> {
    Ranged::open(&content_source(bench), &artifact(recorded)).await
}

fn kinds() -> [(Bench, bool); 3] {
    let raw = |_: Sealing| Packing::Raw(ServerEncryption::Kms(None));
    [
        (bench(Packing::Sealed), true),
        (bench(Packing::Sealed), false),
        (bench(raw), false),
    ]
}

#[tokio::test]
async fn every_range_is_what_a_whole_reading_gives_there() {
    for (mut bench, compress) in kinds() {
        // Several objects, and several frames in each.
        bench.recorder.shape.max_parts = 2;
        let recorded = recorded(&bench, compress, LENGTH).await;
        assert!(recorded.objects.len() > 1);
        let ranged = ranged(&bench, &recorded).await.unwrap();
        assert_eq!(ranged.is_proven(), recorded.objects[0].file_id.is_some());
        let (whole, end) = (data(LENGTH), LENGTH as u64);
        assert_eq!(ranged.content_len(), end);
        let mut places: Vec<u64> = ranged.frames().flat_map(|frame| [frame.start, frame.end]).collect();
        places.extend([0, 1, 9_999, 10_000, 10_001, 16_384, end - 1, end]);
        for start in &places {
            for length in [0, 1, 5_000, 30_000, end] {
                let range = *start..(start + length).min(end);
                let found = ranged.read(range.clone()).await.unwrap();
                assert!(found == whole[range.start as usize..range.end as usize], "{range:?}");
            }
        }
        let beyond = ranged.read(end..end + 1).await.unwrap_err();
        assert_eq!(beyond.kind(), ErrorKind::Internal);
    }
}

#[tokio::test]
async fn frames_cover_the_content_without_a_gap() {
    for (mut bench, compress) in kinds() {
        bench.recorder.shape.max_parts = 2;
        let recorded = recorded(&bench, compress, LENGTH).await;
        let mut next = 0;
        for frame in ranged(&bench, &recorded).await.unwrap().frames() {
            assert_eq!(frame.start, next);
            next = frame.end;
        }
        assert_eq!(next, LENGTH as u64);
    }
}

#[tokio::test]
async fn empty_content_has_no_bytes() {
    for (bench, compress) in kinds() {
        let recorded = recorded(&bench, compress, 0).await;
        let ranged = ranged(&bench, &recorded).await.unwrap();
        assert!(ranged.read(0..0).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_flipped_byte_is_found_by_whoever_reads_it_and_no_wrong_byte_comes_out() {
    let bench = bench(Packing::Sealed);
    let recorded = recorded(&bench, true, LENGTH).await;
    let key = Key::from(recorded.objects[0].key.as_str());
    let good = bench.memory.peek(&key).unwrap();
    let whole = data(LENGTH);
    for place in (0..good.len()).step_by(211) {
        let mut bad = good.to_vec();
        bad[place] ^= 0x40;
        bench.memory.plant(&key, bad);
        let Ok(ranged) = ranged(&bench, &recorded).await else {
            continue;
        };
        let mut failed = false;
        for start in (0..LENGTH as u64).step_by(10_000) {
            let end = (start + 10_000).min(LENGTH as u64);
            match ranged.read(start..end).await {
                Ok(found) => assert!(found == whole[start as usize..end as usize]),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Damaged);
                    failed = true;
                }
            }
        }
        assert!(failed, "byte {place}");
    }
}

#[tokio::test]
async fn an_object_that_is_overwritten_meanwhile_is_not_read() {
    for (bench, compress) in kinds() {
        let recorded = recorded(&bench, compress, LENGTH).await;
        let ranged = ranged(&bench, &recorded).await.unwrap();
        let key = Key::from(recorded.objects[0].key.as_str());
        let mut other = bench.memory.peek(&key).unwrap().to_vec();
        other[recorded.objects[0].length as usize - 1] ^= 1;
        bench.memory.plant(&key, other);
        ranged.read(0..10).await.unwrap_err();
    }
}

#[tokio::test]
async fn what_is_missing_or_not_the_recorded_object_does_not_open() {
    for (bench, compress) in kinds() {
        let recorded = recorded(&bench, compress, LENGTH).await;
        let mut longer = recorded.clone();
        longer.plain_length += 1;
        assert_eq!(ranged(&bench, &longer).await.unwrap_err().kind(), ErrorKind::Damaged);
        let mut other = recorded.clone();
        other.objects[0].length += 1;
        assert_eq!(ranged(&bench, &other).await.unwrap_err().kind(), ErrorKind::Damaged);
        bench
            .memory
            .delete(&[Key::from(recorded.objects[0].key.as_str())])
            .await;
        assert_eq!(ranged(&bench, &recorded).await.unwrap_err().kind(), ErrorKind::Damaged);
    }
    let bench = bench(Packing::Sealed);
    let recorded = recorded(&bench, true, LENGTH).await;
    let with = |keyring| ContentSource {
        keyring,
        ..content_source(&bench)
    };
    for keys in [None, Some(keyring(99))] {
        let opened = Ranged::open(&with(keys), &artifact(&recorded)).await;
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::Key);
    }
}

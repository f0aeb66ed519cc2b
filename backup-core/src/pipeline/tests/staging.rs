//! What was staged is stored as if it had been streamed, and nothing of it before.

use super::*;
use crate::{clock::SystemEntropy, pipeline::stage::Waiting};
use std::io::SeekFrom;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

fn room(memory: usize, folder: &tempfile::TempDir) -> SpoolRoom {
    SpoolRoom {
        memory,
        folder: folder.path().into(),
    }
}

async fn staged(bench: &Bench, compress: bool, source: Source, room: &SpoolRoom) -> Result<Staged> {
    let staged = bench
        .recorder
        .stage(&name(compress), source, room, &SystemEntropy)
        .await;
    assert_eq!((bench.memory.keys().len(), bench.memory.unfinished()), (0, 0));
    staged
}

async fn stored(bench: &Bench, compress: bool, staged: Staged) -> Result<Recorded> {
    let nobody = |_, _| ();
    bench
        .recorder
        .record_and(ReadBack::Bytes, &name(compress), staged, &nobody)
        .await
}

#[tokio::test]
async fn what_was_staged_comes_back_from_memory_and_from_a_file_and_in_several_objects() {
    let folder = tempfile::tempdir().unwrap();
    let part = 4_000;
    for length in [0, 1, part, 3 * part, 16_384, 50_001] {
        for (memory, compress) in [(0, false), (3 * part, false), (1 << 20, false), (0, true)] {
            for max_parts in [1_000, 2] {
                let mut bench = bench(Packing::Sealed);
                bench.recorder.shape.max_parts = max_parts;
                let data = data(length);
                let waiting = staged(&bench, compress, source(&data), &room(memory, &folder)).await;
                let recorded = stored(&bench, compress, waiting.unwrap()).await.unwrap();
                let case = format!("{length} bytes, {memory} in memory, {compress} compressed, {max_parts} parts");
                assert_eq!(recorded.plain_length, length as u64, "{case}");
                assert_eq!(recorded.objects.len(), bench.memory.keys().len(), "{case}");
                if max_parts == 2 && length == 50_001 && !compress {
                    assert!(recorded.objects.len() > 1, "{case}");
                }
                let back = read(&bench, Some(bench.keyring.clone()), &recorded).await.unwrap();
                assert!(back == data, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn an_object_whose_last_part_is_full_is_sent_in_full_parts() {
    let folder = tempfile::tempdir().unwrap();
    // Found by trying: header, salt, commitment and tags come to it.
    for length in 11_000..11_400 {
        let bench = bench(Packing::Sealed);
        let data = data(length);
        let waiting = staged(&bench, false, source(&data), &room(0, &folder)).await.unwrap();
        let recorded = stored(&bench, false, waiting).await.unwrap();
        let stored = recorded.objects[0].length;
        assert!(read(&bench, Some(bench.keyring.clone()), &recorded).await.unwrap() == data);
        if stored % 4_000 == 0 {
            return;
        }
    }
    panic!("no length gave full parts only");
}

#[tokio::test]
async fn raw_content_is_encrypted_while_it_waits_and_stored_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(|_| Packing::Raw(ServerEncryption::Kms(None)));
    let data = b"planted ".repeat(10_000);
    let mut waiting = staged(&bench, false, source(&data), &room(0, &folder)).await.unwrap();
    let Waiting::Content(spool) = &mut waiting.0 else {
        panic!("raw content has no objects of ours")
    };
    let file = spool.held.file.as_mut().unwrap();
    let mut kept = Vec::new();
    file.read_to_end(&mut kept).await.unwrap();
    file.rewind().await.unwrap();
    assert!(kept.len() > data.len() && !kept.windows(8).any(|window| window == b"planted "));
    stored(&bench, false, waiting).await.unwrap();
    assert_eq!(bench.memory.peek(&Key::from("id/a.pbe")).unwrap(), data);
}

#[tokio::test]
async fn a_source_that_fails_stages_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for compress in [true, false] {
        let bench = bench(Packing::Sealed);
        let pieces = [
            Ok(Bytes::from(data(20_000))),
            Err(Error::new(ErrorKind::SourceFailed, "cut")),
        ];
        let broken = Source::vouched(stream::iter(pieces));
        let error = staged(&bench, compress, broken, &room(0, &folder)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SourceFailed);
    }
}

#[tokio::test]
async fn a_byte_that_changed_on_disk_while_it_waited_is_found_before_anything_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    for at in [700, 5_000, 20_000] {
        let bench = bench(Packing::Sealed);
        let mut waiting = staged(&bench, false, source(&data(30_000)), &room(0, &folder))
            .await
            .unwrap();
        let Waiting::Made(made) = &mut waiting.0 else {
            panic!("it was not sealed")
        };
        let file = made.held.file.as_mut().unwrap();
        file.seek(SeekFrom::Start(at)).await.unwrap();
        let byte = file.read_u8().await.unwrap();
        file.seek(SeekFrom::Start(at)).await.unwrap();
        file.write_u8(byte ^ 1).await.unwrap();
        file.rewind().await.unwrap();
        let error = stored(&bench, false, waiting).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.chain().contains("other bytes than it took"), "{error:?}");
        assert_eq!((bench.memory.keys().len(), bench.memory.unfinished()), (0, 0));
    }
}

#[tokio::test]
async fn what_was_staged_for_one_name_is_not_stored_under_another() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(Packing::Sealed);
    let waiting = staged(&bench, false, source(&data(100)), &room(0, &folder))
        .await
        .unwrap();
    let other = ObjectName {
        key: Key::from("id/b.pbe"),
        ..name(false)
    };
    let refused = bench
        .recorder
        .record_and(ReadBack::Bytes, &other, waiting, &|_, _| ())
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Internal);
    assert!(bench.memory.keys().is_empty());
}

#[tokio::test]
async fn sending_what_was_staged_can_be_stopped_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(Packing::Sealed);
    let waiting = staged(&bench, false, source(&data(30_000)), &room(0, &folder))
        .await
        .unwrap();
    let cancel = bench.recorder.cancel.clone();
    let stopping = move |_, written| {
        if written > 8_000 {
            cancel.cancel();
        }
    };
    let stopped = bench
        .recorder
        .record_and(ReadBack::Bytes, &name(false), waiting, &stopping)
        .await;
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!((bench.memory.keys().len(), bench.memory.unfinished()), (0, 0));
}

//! A witness sees what a restore would, once, and what it refuses is not stored.

use super::*;
use crate::testing::{Fault, FaultyStore};
use async_trait::async_trait;
use std::sync::Mutex;

/// Keeps what it saw, and agrees or not.
struct Reader {
    seen: Mutex<Vec<u8>>,
    verdict: fn() -> Result<()>,
    most: usize,
}

impl Reader {
    fn new(verdict: fn() -> Result<()>) -> Self {
        Self {
            seen: Mutex::default(),
            verdict,
            most: usize::MAX,
        }
    }
}

#[async_trait]
impl Witness for Reader {
    async fn look(&self, mut content: ByteStream) -> Result<()> {
        while self.seen.lock().unwrap().len() < self.most
            && let Some(bytes) = content.try_next().await?
        {
            self.seen.lock().unwrap().extend_from_slice(&bytes);
        }
        (self.verdict)()
    }
}

/// A bench whose store counts its calls, and what reads from it.
fn counted(packing: impl FnOnce(Sealing) -> Packing) -> (Bench, FaultyStore<MemoryStore>, ContentSource) {
    let mut bench = bench(packing);
    let store = FaultyStore::new(Arc::new(bench.memory.clone()));
    bench.recorder.store = Arc::new(store.clone());
    bench.recorder.shape.max_parts = 3;
    let reading = ContentSource {
        store: Arc::new(store.clone()),
        repository: REPOSITORY,
        component: "postgres".into(),
        keyring: Some(bench.keyring.clone()),
    };
    (bench, store, reading)
}

async fn recorded(bench: &Bench, reading: &ContentSource, witness: &Reader) -> Result<Recorded> {
    let read_back = ReadBack::Content(reading, witness);
    let content = source(&data(50_000));
    bench
        .recorder
        .record_and(read_back, &name(false), content, &|_, _| ())
        .await
}

#[tokio::test]
async fn a_witness_sees_all_of_it_and_each_object_is_read_once() {
    for packing in [Packing::Sealed, |_| Packing::Raw(ServerEncryption::Kms(None))] {
        let (bench, store, reading) = counted(packing);
        let witness = Reader::new(|| Ok(()));
        let recorded = recorded(&bench, &reading, &witness).await.unwrap();
        assert!(*witness.seen.lock().unwrap() == data(50_000));
        let gets = store.log().iter().filter(|call| call.starts_with("get ")).count();
        assert_eq!(gets, recorded.objects.len());
    }
}

#[tokio::test]
async fn what_a_witness_refuses_or_does_not_read_to_the_end_is_taken_back() {
    let (bench, _, reading) = counted(Packing::Sealed);
    let refusing = Reader::new(|| Err(Error::new(ErrorKind::Damaged, "another snapshot")));
    let hasty = Reader {
        most: 49_999,
        ..Reader::new(|| Ok(()))
    };
    for (witness, kind) in [(refusing, ErrorKind::Damaged), (hasty, ErrorKind::Internal)] {
        let error = recorded(&bench, &reading, &witness).await.unwrap_err();
        assert_eq!((error.kind(), bench.memory.keys().len()), (kind, 0), "{error}");
    }
}

#[tokio::test]
async fn a_bit_that_flips_on_the_way_back_is_found_by_comparison_and_by_opening() {
    let (bench, store, reading) = counted(Packing::Sealed);
    let witness = Reader::new(|| Ok(()));
    recorded(&bench, &reading, &witness).await.unwrap();
    let log = store.log();
    let chunks = (0..log.len()).filter(|call| log[*call].starts_with("body "));
    let chunks: Vec<usize> = chunks.collect();
    assert!(chunks.len() > 1);
    for chunk in chunks {
        for opened in [true, false] {
            let (bench, store, reading) = counted(Packing::Sealed);
            drop(store.failing_at(chunk, Fault::Flip));
            let read_back = match opened {
                true => ReadBack::Content(&reading, &witness),
                false => ReadBack::Bytes,
            };
            let content = source(&data(50_000));
            let done = bench
                .recorder
                .record_and(read_back, &name(false), content, &|_, _| ())
                .await;
            let error = done.unwrap_err();
            assert_eq!(
                (error.kind(), bench.memory.keys().len()),
                (ErrorKind::Damaged, 0),
                "{error}"
            );
        }
    }
}

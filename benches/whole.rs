//! The way of an artifact into a store and home again, at 1 to N threads.

use backup_core::{
    catalog::Artifact,
    clock::{SystemClock, SystemEntropy},
    frames::{DEFAULT_LEVEL, FrameEncoder},
    id::Id16,
    keys::Keyring,
    pipeline::{ContentSource, ObjectName, Packing, Recorded, Recorder, Sealing, Shape, Source, content},
    store::{Key, StoreConfig, connect},
};
use bytes::Bytes;
use criterion::{Criterion, SamplingMode, Throughput};
use futures::{TryStreamExt, stream};
use std::{sync::Arc, thread};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

const TOTAL: usize = 128 << 20;
const BUDGET: usize = 128 << 20;
const PIECE: usize = 256 << 10;

fn recorder(ring: &Arc<Keyring>, threads: usize) -> Recorder {
    let entropy = Arc::new(SystemEntropy);
    let sealing = Sealing {
        keyring: Arc::clone(ring),
        repository: Id16([1; 16]),
        component: "bench".into(),
        tool: "bench".into(),
        encoder: Arc::new(FrameEncoder::new(DEFAULT_LEVEL).expect("an encoder")),
        entropy: entropy.clone(),
    };
    Recorder {
        store: connect(&StoreConfig::new("memory:"), entropy).expect("a store"),
        shape: Shape::within(BUDGET, 1, threads, DEFAULT_LEVEL),
        packing: Packing::Sealed(sealing),
        clock: Arc::new(SystemClock),
        cancel: CancellationToken::new(),
    }
}

fn name(compress: bool) -> ObjectName {
    ObjectName {
        key: Key::from("bench/artifact"),
        logical_path: "bench/artifact".into(),
        content_type: "application/octet-stream".into(),
        compress,
    }
}

/// `plain` again and again, in the pieces in which a client program's output comes.
fn source(plain: &Bytes) -> Source {
    let plain = plain.clone();
    let pieces = (0..TOTAL / PIECE).map(move |i| {
        let from = i * PIECE % plain.len();
        Ok(plain.slice(from..from + PIECE))
    });
    Source::vouched(stream::iter(pieces))
}

/// A runtime whose tasks and blocking work share `threads` processors as far as the operating system lets them.
fn runtime(threads: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).max_blocking_threads(threads);
    builder.enable_all().build().expect("a runtime")
}

async fn record(recorder: &Recorder, name: &ObjectName, plain: &Bytes) -> Recorded {
    let recorded = recorder.record(name, source(plain), &|_, _| ()).await;
    recorded.expect("recorded")
}

async fn read(source: ContentSource, recorded: &Recorded) -> usize {
    let sum = |sum, bytes: Bytes| async move { Ok(sum + bytes.len()) };
    let artifact = Artifact {
        name: "bench".into(),
        content_type: "application/octet-stream".into(),
        plain_length: recorded.plain_length,
        weight: None,
        objects: recorded.objects.clone(),
        details: serde_json::Map::new(),
    };
    let read = content(source, artifact).try_fold(0, sum).await;
    read.expect("the content")
}

/// Recording (zstd, seal, digest, store, read back) and reading of 128 MiB. Each content is a whole number of pieces long.
pub(crate) fn whole(c: &mut Criterion, ring: &Arc<Keyring>, contents: &[(&str, Bytes, bool)]) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut group = c.benchmark_group("whole pipeline, store in memory");
    group.throughput(Throughput::Bytes(TOTAL as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for (what, plain, compress) in contents {
        let name = name(*compress);
        for threads in 1..=cores {
            let runtime = runtime(threads);
            let recorder = recorder(ring, threads);
            group.bench_function(format!("record, {what}, {threads} threads"), |b| {
                b.iter(|| runtime.block_on(record(&recorder, &name, plain)));
            });
        }
        let (runtime, recorder) = (runtime(1), recorder(ring, 1));
        let recorded = runtime.block_on(record(&recorder, &name, plain));
        let source = ContentSource {
            store: recorder.store.clone(),
            repository: Id16([1; 16]),
            component: "bench".into(),
            keyring: Some(Arc::clone(ring)),
        };
        group.bench_function(format!("content, {what}"), |b| {
            b.iter(|| assert_eq!(runtime.block_on(read(source.clone(), &recorded)), TOTAL));
        });
    }
    group.finish();
}

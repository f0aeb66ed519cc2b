//! Speed of each stage of the pipeline and of the whole, beside the bare libraries as the limit.
//!
//! `cargo bench -p backup-benches --bench pipeline -- --quick`

mod whole;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest,
};
use backup_core::{
    clock::{Entropy, SystemEntropy},
    frames::{DEFAULT_LEVEL, FrameDecoder, FrameEncoder, SeekTable},
    id::Id16,
    keys::{KeyKind, Keyring, generate},
    seal::{CHUNK_LEN, Codec, Expected, Opener, SealSpec, Sealer},
};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::{hint::black_box, sync::Arc, thread};

const PART: usize = 8 * 1024 * 1024;
const FRAME: usize = 4 * 1024 * 1024;

fn spec() -> SealSpec {
    SealSpec {
        repository: Id16([1; 16]),
        component: "bench".into(),
        logical_path: "bench/part".into(),
        content_type: "application/octet-stream".into(),
        codec: Codec::Stored,
        tool: "bench".into(),
        created: backup_core::id::BackupId::timestamp(&"20260422_170000".parse().expect("an id")),
    }
}

fn ring() -> Arc<Keyring> {
    let line = generate(KeyKind::Kek, &SystemEntropy).expect("a key");
    Arc::new(Keyring::parse(line.expose(), "bench").expect("a ring"))
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SystemEntropy.fill(&mut bytes).expect("randomness");
    bytes
}

/// Rows as `COPY` writes them: numbers, words and time stamps.
fn rows(length: usize) -> Vec<u8> {
    let row = |i: u64| {
        let mixed = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        format!(
            "{i}\tplayer_{}\t{}.{:02}\t2026-04-22 17:{:02}:{:02}\tEUR\n",
            mixed % 50_000,
            mixed % 9_999,
            i % 100,
            i / 60 % 60,
            i % 60
        )
    };
    (0..).flat_map(|i| row(i).into_bytes()).take(length).collect()
}

fn bare_aes(c: &mut Criterion) {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &noise(32)).expect("a key"));
    let mut group = c.benchmark_group("cipher, one core");
    group.throughput(Throughput::Bytes(PART as u64));
    let mut part = noise(PART);
    group.bench_function("bare AES-256-GCM at 16 KiB", |b| {
        b.iter(|| {
            for chunk in part.chunks_mut(CHUNK_LEN) {
                let nonce = Nonce::assume_unique_for_key([0; 12]);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::empty(), chunk)
                    .expect("sealed");
                assert_eq!(black_box(tag).as_ref().len(), 16);
            }
        });
    });
    let (ring, plain) = (ring(), noise(PART));
    let mut out = Vec::with_capacity(PART + PART / 512);
    group.bench_function("seal", |b| {
        let (mut sealer, _) = Sealer::begin(spec(), &ring, &SystemEntropy).expect("a sealer");
        b.iter(|| {
            out.clear();
            sealer.update(&plain, &mut out).expect("sealed");
        });
    });
    let (mut sealer, begin) = Sealer::begin(spec(), &ring, &SystemEntropy).expect("a sealer");
    let mut stored = begin.to_vec();
    sealer.update(&plain, &mut stored).expect("sealed");
    sealer.finish(&mut stored).expect("sealed");
    let expected = Expected::new(spec().repository, spec().logical_path);
    group.bench_function("open", |b| {
        b.iter(|| {
            out.clear();
            let mut opener = Opener::new(expected.clone(), Arc::clone(&ring));
            opener.update(&stored, &mut out).expect("opened");
            opener.finish(&mut out).expect("whole");
        });
    });
    group.finish();
}

fn digests(c: &mut Criterion) {
    let part = noise(PART);
    let mut group = c.benchmark_group("SHA-256, one core");
    group.throughput(Throughput::Bytes(PART as u64));
    group.bench_function("aws-lc", |b| {
        b.iter(|| black_box(digest::digest(&digest::SHA256, &part)))
    });
    group.bench_function("sha2", |b| {
        b.iter(|| black_box(<sha2::Sha256 as sha2::Digest>::digest(&part)))
    });
    group.finish();
}

fn compression(c: &mut Criterion) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut group = c.benchmark_group("zstd -3, frames of 4 MiB");
    for (name, plain) in [("rows", rows(FRAME)), ("noise", noise(FRAME))] {
        group.throughput(Throughput::Bytes(FRAME as u64));
        let mut bare = zstd::bulk::Compressor::new(DEFAULT_LEVEL).expect("a context");
        let mut out = Vec::with_capacity(zstd::zstd_safe::compress_bound(FRAME));
        group.bench_function(format!("bare, {name}"), |b| {
            b.iter(|| bare.compress_to_buffer(&plain, &mut out).expect("compressed"));
        });
        let encoder = FrameEncoder::new(DEFAULT_LEVEL).expect("a level");
        for threads in 1..=cores {
            group.throughput(Throughput::Bytes((FRAME * threads * 4) as u64));
            group.bench_function(format!("frames, {name}, {threads} threads"), |b| {
                b.iter(|| compress_on(threads, &encoder, &plain));
            });
        }
    }
    decompression(&mut group);
    group.finish();
}

fn compress_on(threads: usize, encoder: &FrameEncoder, plain: &[u8]) {
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut out = Vec::with_capacity(zstd::zstd_safe::compress_bound(FRAME));
                for _ in 0..4 {
                    out.clear();
                    encoder.compress_frame(plain, &mut out).expect("compressed");
                }
            });
        }
    });
}

fn decompression(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>) {
    let (mut compressed, mut table) = (Vec::new(), SeekTable::default());
    let encoder = FrameEncoder::new(DEFAULT_LEVEL).expect("a level");
    if let Some(frame) = encoder
        .compress_frame(&rows(FRAME), &mut compressed)
        .expect("compressed")
    {
        table.push(frame).expect("room");
    }
    compressed.extend(table.encode());
    group.throughput(Throughput::Bytes(FRAME as u64));
    let mut out = Vec::with_capacity(FRAME);
    group.bench_function("decode, rows", |b| {
        b.iter(|| {
            out.clear();
            let mut decoder = FrameDecoder::new().expect("a context");
            for mut piece in compressed.chunks(CHUNK_LEN) {
                while !piece.is_empty() {
                    piece = &piece[decoder.update(piece, &mut out).expect("content")..];
                }
            }
            decoder.finish().expect("whole");
        });
    });
}

fn whole_pipeline(c: &mut Criterion) {
    let contents = [
        ("rows", Bytes::from(rows(4 * FRAME)), true),
        ("noise", Bytes::from(noise(4 * FRAME)), true),
        ("noise, no zstd", Bytes::from(noise(4 * FRAME)), false),
    ];
    whole::whole(c, &ring(), &contents);
}

criterion_group!(benches, bare_aes, digests, compression, whole_pipeline);
criterion_main!(benches);

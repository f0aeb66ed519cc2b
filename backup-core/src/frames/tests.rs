use super::*;
use crate::{ErrorKind, Result};
use proptest::prelude::*;
use std::{
    io::{Read, Write},
    process::{Command, Stdio},
};

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}

fn text(length: usize) -> Vec<u8> {
    let words = (0..).flat_map(|i: u64| format!("{i}\tplayer_{}\t{}\n", i * 7919 % 1000, i * i % 997).into_bytes());
    words.take(length).collect()
}

fn encode(pieces: &[Vec<u8>]) -> Vec<u8> {
    let encoder = FrameEncoder::new(DEFAULT_LEVEL).unwrap();
    let (mut out, mut table) = (Vec::new(), SeekTable::default());
    for piece in pieces {
        if let Some(frame) = encoder.compress_frame(piece, &mut out).unwrap() {
            table.push(frame).unwrap();
        }
    }
    assert_eq!(
        table.content_len(),
        pieces.iter().map(|piece| piece.len() as u64).sum::<u64>()
    );
    out.extend(table.encode());
    out
}

fn decode(step: usize, compressed: &[u8]) -> Result<Vec<u8>> {
    let mut decoder = FrameDecoder::new()?;
    let mut out = Vec::new();
    for mut piece in compressed.chunks(step) {
        while !piece.is_empty() {
            let before = out.len();
            piece = &piece[decoder.update(piece, &mut out)?..];
            assert!(out.len() - before <= MAX_FRAME_LEN);
        }
    }
    decoder.finish()?;
    Ok(out)
}

fn samples() -> Vec<Vec<Vec<u8>>> {
    vec![
        vec![],
        vec![b"a".to_vec()],
        vec![text(1000), text(1), noise(500)],
        vec![
            noise(300_000),
            text(MAX_FRAME_LEN),
            vec![0; MAX_FRAME_LEN],
            noise(128 * 1024),
        ],
    ]
}

#[test]
fn content_comes_back_however_the_bytes_are_cut() {
    for pieces in samples() {
        let compressed = encode(&pieces);
        for step in [1, 13, 4096, 100_003, usize::MAX] {
            assert!(decode(step, &compressed).unwrap() == pieces.concat(), "{step}");
        }
    }
}

#[test]
fn the_zstd_command_reads_it() {
    for pieces in samples() {
        let compressed = encode(&pieces);
        let mut zstd = Command::new("zstd")
            .arg("-dcq")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = zstd.stdin.take().unwrap();
        let writer = std::thread::spawn(move || input.write_all(&compressed));
        let mut out = Vec::new();
        zstd.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        writer.join().unwrap().unwrap();
        assert!(zstd.wait().unwrap().success());
        assert!(out == pieces.concat());
    }
}

#[test]
fn frames_that_the_zstd_command_made_are_read() {
    let plain = text(2_000_000);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plain");
    std::fs::write(&path, &plain).unwrap();
    let made = Command::new("zstd")
        .args(["-c", "-q", "--check"])
        .arg(&path)
        .output()
        .unwrap();
    let mut compressed = made.stdout;
    let mut table = SeekTable::default();
    let frame = Frame {
        compressed: compressed.len() as u32,
        content: plain.len() as u32,
    };
    table.push(frame).unwrap();
    compressed.extend(table.encode());
    assert!(decode(1000, &compressed).unwrap() == plain);
}

#[test]
fn content_that_does_not_compress_is_stored_and_other_content_is_not() {
    for length in [1, 1000, 128 * 1024, 128 * 1024 + 1, 1 << 20] {
        let stored = encode(&[noise(length)]);
        assert!(
            stored.len() <= length + 9 + 3 * length.div_ceil(128 * 1024) + 25,
            "{length}"
        );
    }
    assert!(encode(&[text(1 << 20)]).len() < 1 << 18);
}

#[test]
fn limits_of_the_encoder_are_errors() {
    let encoder = FrameEncoder::new(1).unwrap();
    let mut out = b"before".to_vec();
    assert!(encoder.compress_frame(&vec![0; MAX_FRAME_LEN + 1], &mut out).is_err());
    assert_eq!(encoder.compress_frame(&[], &mut out).unwrap(), None);
    assert_eq!(out, b"before");
    for level in [0, -1, 20] {
        assert_eq!(FrameEncoder::new(level).unwrap_err().kind(), ErrorKind::Config);
    }
}

#[test]
fn rows_full_of_digits_take_no_more_room_than_with_parameters_of_zstd_itself() {
    let mixed = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let row = |i| {
        format!(
            "{i}\t{:016x}\tDE{:020}\t{}\n",
            mixed(i),
            mixed(i + 7) >> 16,
            mixed(i + 9) >> 50
        )
    };
    let rows: Vec<u8> = (0..40_000).flat_map(|i| row(i).into_bytes()).collect();
    let plain = &rows[..rows.len().min(MAX_FRAME_LEN)];
    let mut tuned = Vec::new();
    let encoder = FrameEncoder::new(DEFAULT_LEVEL).unwrap();
    encoder.compress_frame(plain, &mut tuned).unwrap();
    let own = zstd::bulk::compress(plain, DEFAULT_LEVEL).unwrap();
    assert!(tuned.len() < own.len(), "{} against {}", tuned.len(), own.len());
}

#[test]
fn one_encoder_serves_many_threads_and_gives_equal_bytes() {
    let encoder = FrameEncoder::new(DEFAULT_LEVEL).unwrap();
    let plain = text(500_000);
    let mut wanted = Vec::new();
    encoder.compress_frame(&plain, &mut wanted).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut out = Vec::new();
                encoder.compress_frame(&plain, &mut out).unwrap();
                assert!(out == wanted);
            });
        }
    });
}

#[test]
fn a_cut_at_any_length_is_found() {
    let compressed = encode(&[text(3000), noise(100)]);
    for length in 0..compressed.len() {
        assert_eq!(
            decode(64, &compressed[..length]).unwrap_err().kind(),
            ErrorKind::Damaged,
            "{length}"
        );
    }
}

#[test]
fn bytes_after_the_seek_table_are_refused() {
    let mut compressed = encode(&[text(3000)]);
    compressed.push(0);
    for step in [1, usize::MAX] {
        assert!(decode(step, &compressed).unwrap_err().to_string().contains("goes on"));
    }
}

#[test]
fn a_seek_table_that_does_not_agree_with_the_frames_is_refused() {
    let pieces = [text(3000), text(70)];
    let good = encode(&pieces);
    let table = good.len() - 8 - 16 - 9;
    for at in table..good.len() {
        let mut wrong = good.clone();
        wrong[at] ^= 1;
        assert_eq!(decode(100, &wrong).unwrap_err().kind(), ErrorKind::Damaged, "{at}");
    }
    let swapped = [
        &good[..table + 8],
        &good[table + 16..table + 24],
        &good[table + 8..table + 16],
        &good[table + 24..],
    ]
    .concat();
    assert!(
        decode(100, &swapped)
            .unwrap_err()
            .to_string()
            .contains("does not agree")
    );
}

/// Runs of zeroes in blocks of 4 bytes, under a head that says `claimed`.
fn bomb(claimed: u64, blocks: usize) -> Vec<u8> {
    let mut bytes = ZSTD_MAGIC.to_le_bytes().to_vec();
    bytes.push(0b1110_0000);
    bytes.extend(claimed.to_le_bytes());
    for n in 1..=blocks {
        let head = (128 * 1024) << 3 | 1 << 1 | u32::from(n == blocks);
        bytes.extend(&head.to_le_bytes()[..3]);
        bytes.push(0);
    }
    bytes
}

#[test]
fn a_head_that_claims_too_much_is_refused_before_memory_is_taken() {
    for claimed in [MAX_FRAME_LEN as u64 + 1, u64::from(u32::MAX), u64::MAX] {
        let mut decoder = FrameDecoder::new().unwrap();
        let mut out = Vec::new();
        let error = decoder.update(&bomb(claimed, 40), &mut out).unwrap_err();
        assert!(error.to_string().contains("limit"), "{error}");
        assert_eq!(out.capacity(), 0);
    }
}

#[test]
fn a_frame_that_holds_more_or_less_than_it_says_is_refused() {
    for (claimed, blocks) in [
        (128 * 1024, 2),
        (3 * 128 * 1024, 2),
        (0, 1),
        (MAX_FRAME_LEN as u64, 33),
        (100, 1),
    ] {
        let mut decoder = FrameDecoder::new().unwrap();
        let mut out = Vec::new();
        let bytes = bomb(claimed, blocks);
        let mut rest = &bytes[..];
        let error = loop {
            match decoder.update(rest, &mut out) {
                Ok(taken) if taken < rest.len() => rest = &rest[taken..],
                Ok(_) => break decoder.finish().unwrap_err(),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(out.len() as u64 <= claimed);
    }
}

#[test]
fn frames_without_a_size_with_a_dictionary_or_of_another_kind_are_refused() {
    for descriptor in [0b0000_0000, 0b1010_0001, 0b1010_1000] {
        let mut bytes = ZSTD_MAGIC.to_le_bytes().to_vec();
        bytes.extend([descriptor, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode(100, &bytes).unwrap_err().kind(), ErrorKind::Damaged);
    }
    assert_eq!(decode(100, b"PGDMP").unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn the_seek_table_finds_any_range() {
    let pieces = [text(3000), noise(70), text(5000)];
    let plain = pieces.concat();
    let compressed = encode(&pieces);
    let length = SeekTable::encoded_len(&compressed[compressed.len() - FOOTER_LEN..]).unwrap() as usize;
    let at = compressed.len() - length;
    let table = SeekTable::parse(&compressed[at..], at as u64).unwrap();
    assert!(SeekTable::parse(&compressed[at..], at as u64 + 1).is_err());
    let mut reader = FrameReader::new().unwrap();
    for (start, end) in [
        (0, 1),
        (2999, 3000),
        (2999, 3001),
        (3000, 3070),
        (0, 8070),
        (8069, 8070),
    ] {
        let (mut out, mut first) = (Vec::new(), None);
        for (frame, offset, content) in table.locate(start..end) {
            first.get_or_insert(content);
            let bytes = &compressed[offset as usize..][..frame.compressed as usize];
            reader.read(frame, bytes, &mut out).unwrap();
        }
        let skip = (start - first.unwrap()) as usize;
        assert!(out[skip..skip + (end - start) as usize] == plain[start as usize..end as usize]);
    }
    let frame = table.frames()[0];
    let wrong = Frame {
        content: frame.content - 1,
        ..frame
    };
    assert!(
        reader
            .read(wrong, &compressed[..frame.compressed as usize], &mut Vec::new())
            .is_err()
    );
    assert!(
        reader
            .read(frame, &compressed[..frame.compressed as usize - 1], &mut Vec::new())
            .is_err()
    );
}

#[test]
fn a_seek_table_beyond_the_limits_is_refused() {
    let mut table = SeekTable::default();
    table
        .push(Frame {
            compressed: 20,
            content: MAX_FRAME_LEN as u32 + 1,
        })
        .unwrap();
    assert!(SeekTable::parse(&table.encode(), 20).is_err());
    assert!(SeekTable::encoded_len(&seek_table::footer(MAX_FRAMES + 1)).is_err());
    assert!(SeekTable::encoded_len(&seek_table::footer(MAX_FRAMES)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_content_comes_back(
        pieces in proptest::collection::vec(proptest::collection::vec(0u8..5, 0..3000), 0..5), step in 1usize..500,
    ) {
        prop_assert_eq!(decode(step, &encode(&pieces)).unwrap(), pieces.concat());
    }

    #[test]
    fn damaged_bytes_never_panic_and_never_give_more_than_a_frame_at_once(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut compressed = encode(&[text(3000), noise(50)]);
        for (at, byte) in changes {
            let at = at.index(compressed.len());
            compressed[at] = byte;
        }
        if let Err(error) = decode(100, &compressed) {
            prop_assert_eq!(error.kind(), ErrorKind::Damaged);
        }
    }

    #[test]
    fn random_tables_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = SeekTable::parse(&bytes, 100) {
            prop_assert_eq!(error.kind(), ErrorKind::Damaged);
        }
    }
}

use super::*;
use crate::ErrorKind;
use std::collections::HashSet;

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let ring = ring(&[KeyKind::Kek, KeyKind::Recovery]);
    let stored = seal(&content(CHUNK_LEN + 100), &ring);
    let begin = header_of(&stored).payload_offset() as usize + PREAMBLE_LEN;
    let payload = (begin..stored.len())
        .step_by(509)
        .chain(stored.len() - 20..stored.len());
    for at in (0..begin).chain(payload) {
        let mut damaged = stored.clone();
        damaged[at] ^= 1 << (at % 8);
        let error = open(&damaged, &ring).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Key),
            "byte {at}: {error:?}"
        );
    }
}

#[test]
fn a_cut_at_any_length_is_found() {
    let ring = kek();
    let plain = content(2 * CHUNK_LEN);
    let stored = seal(&plain, &ring);
    let begin = header_of(&stored).payload_offset() as usize + PREAMBLE_LEN;
    let edges = [
        begin,
        begin + SEALED_CHUNK_LEN,
        begin + 2 * SEALED_CHUNK_LEN,
        stored.len(),
    ];
    let near = edges.iter().flat_map(|edge| edge - 40..(edge + 40).min(stored.len()));
    for length in (0..begin).chain(near) {
        let error = open(&stored[..length], &ring).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{length}: {error:?}");
        let told = expected().with_length(stored.len() as u64);
        let said = if length == 0 { "empty" } else { "cut short" };
        assert!(
            open_in(4096, &stored[..length], &told, &ring)
                .unwrap_err()
                .chain()
                .contains(said),
            "{length}"
        );
    }
}

#[test]
fn bytes_after_the_end_are_found() {
    let ring = kek();
    for (length, more) in [(0, 1), (100, 1), (100, 16), (100, 16384), (16384, 1), (16384, 16400)] {
        let plain = content(length);
        let mut stored = seal(&plain, &ring);
        let told = expected().with_length(stored.len() as u64);
        stored.extend(content(more));
        let error = open(&stored, &ring).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{length} + {more}: {error:?}");
        let error = open_in(usize::MAX, &stored, &told, &ring).unwrap_err();
        assert!(
            error.to_string().contains("goes on") || error.to_string().contains("chunk"),
            "{error:?}"
        );
    }
}

#[test]
fn chunks_cannot_be_swapped_repeated_or_taken_from_another_object() {
    let ring = kek();
    let (a, b) = (seal(&content(60_000), &ring), seal(&content(60_000), &ring));
    let begin = header_of(&a).payload_offset() as usize + PREAMBLE_LEN;
    let chunk = |n: usize| begin + n * SEALED_CHUNK_LEN..begin + (n + 1) * SEALED_CHUNK_LEN;
    let swapped = [&a[..begin], &a[chunk(1)], &a[chunk(0)], &a[chunk(2).start..]].concat();
    let repeated = [&a[..chunk(1).start], &a[chunk(0)], &a[chunk(2).start..]].concat();
    let left_out = [&a[..chunk(1).start], &a[chunk(2).start..]].concat();
    let spliced = [&a[..begin], &b[begin..]].concat();
    let payload = [&a[..begin - PREAMBLE_LEN], &b[begin - PREAMBLE_LEN..]].concat();
    for stored in [swapped, repeated, left_out, spliced, payload] {
        assert_eq!(open(&stored, &ring).unwrap_err().kind(), ErrorKind::Damaged);
    }
}

#[test]
fn objects_that_are_not_the_expected_one_do_not_open_and_say_why() {
    let ring = kek();
    let stored = seal(b"content", &ring);
    let id = header_of(&stored).file_id();
    let cases = [
        (
            Expected {
                repository: Id16([8; 16]),
                ..expected()
            },
            "belongs to repository",
        ),
        (
            Expected {
                logical_path: "20260422_170000/other".into(),
                ..expected()
            },
            "is sealed as",
        ),
        (expected().with_file_id([0; 32]), "another version"),
        (
            Expected {
                component: Some("vault".into()),
                ..expected()
            },
            "component",
        ),
    ];
    for (wrong, said) in cases {
        let error = open_in(100, &stored, &wrong, &ring).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains(said), "{error}");
        assert!(
            RangeOpener::new(&stored, stored.len() as u64, &wrong, &ring)
                .unwrap_err()
                .to_string()
                .contains(said)
        );
    }
    let right = Expected {
        component: Some("postgres".into()),
        ..expected().with_file_id(id)
    };
    assert_eq!(open_in(100, &stored, &right, &ring).unwrap(), b"content");
}

#[test]
fn every_cause_has_its_own_message() {
    let (ring, other) = (kek(), kek());
    let stored = seal(&content(100), &ring);
    let longer = [&stored[..], &[0; 9]].concat();
    let told = expected().with_length(stored.len() as u64);
    let whole = usize::MAX;
    let errors = [
        open_in(whole, &stored[..stored.len() - 110], &expected(), &ring),
        open_in(whole, &longer, &told, &ring),
        open_in(whole, &stored, &expected(), &other),
        open_in(
            whole,
            &stored,
            &Expected {
                repository: Id16([8; 16]),
                ..expected()
            },
            &ring,
        ),
        open_in(
            whole,
            &stored,
            &Expected {
                logical_path: "x".into(),
                ..expected()
            },
            &ring,
        ),
        open_in(whole, &stored, &expected().with_file_id([0; 32]), &ring),
        open_in(whole, b"PGDMP and so on", &expected(), &ring),
        open_in(whole, b"", &expected(), &ring),
    ];
    let texts: HashSet<_> = errors
        .iter()
        .map(|answer| answer.as_ref().unwrap_err().to_string())
        .collect();
    assert_eq!(texts.len(), errors.len(), "{texts:?}");
}

#[test]
fn the_wrong_key_is_an_error_of_kind_key_that_names_the_right_one() {
    let (ring, other) = (kek(), kek());
    let stored = seal(b"content", &ring);
    let error = open(&stored, &other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(error.hints()[0].contains(&ring.keys()[0].id.to_string()), "{error:?}");
    assert_eq!(open(&stored, &Arc::default()).unwrap_err().kind(), ErrorKind::Key);
}

/// Replaces the slots and keeps everything else, as one can who has no key.
fn with_slots(stored: &[u8], slots: &[Slot]) -> Vec<u8> {
    let fixed = 12 + u32::from_le_bytes(stored[8..12].try_into().unwrap()) as usize;
    let mac = header_of(stored).payload_offset() as usize - MAC_LEN;
    let bytes = slots::encode(slots).unwrap();
    [
        &stored[..fixed],
        &(bytes.len() as u32).to_le_bytes(),
        &bytes,
        &stored[mac..],
    ]
    .concat()
}

#[test]
fn a_slot_stripped_or_added_without_the_key_is_found() {
    let ring = ring(&[KeyKind::Kek, KeyKind::Recovery]);
    let stored = seal(b"content", &ring);
    let slots = header_of(&stored).slots().to_vec();
    assert_eq!(open(&with_slots(&stored, &slots), &ring).unwrap(), b"content");
    let foreign = header_of(&seal(b"content", &kek())).slots()[0].clone();
    let added = [&slots[..], &[foreign]].concat();
    let unknown = [
        &slots[..],
        &[Slot {
            kind: SlotKind::Unknown(9),
            ..slots[0].clone()
        }],
    ]
    .concat();
    let other = header_of(&seal(b"content", &ring)).slots()[0].clone();
    for slots in [&slots[..1], &added, &unknown, &[other]] {
        let error = open(&with_slots(&stored, slots), &ring).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}");
    }
    assert_eq!(
        open(&with_slots(&stored, &slots[1..]), &ring).unwrap_err().kind(),
        ErrorKind::Key
    );
}

#[test]
fn an_opener_that_failed_goes_on_failing() {
    let ring = kek();
    let mut stored = seal(&content(CHUNK_LEN), &ring);
    let begin = header_of(&stored).payload_offset() as usize + PREAMBLE_LEN;
    stored[begin] ^= 1;
    let mut opener = Opener::new(expected(), ring);
    let mut out = Vec::new();
    assert!(opener.update(&stored, &mut out).is_err());
    assert!(out.is_empty());
    assert!(opener.update(&[], &mut out).is_err());
    assert!(opener.finish(&mut out).is_err());
}

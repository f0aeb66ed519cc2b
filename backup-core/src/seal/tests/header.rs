use super::*;
use crate::ErrorKind;
use proptest::prelude::*;

#[test]
fn a_header_reads_as_it_was_written() {
    let stored = seal_as(
        SealSpec {
            codec: Codec::ZstdFrames,
            ..spec()
        },
        b"",
        &kek(),
    );
    let header = header_of(&stored);
    assert_eq!(
        *header.spec(),
        SealSpec {
            codec: Codec::ZstdFrames,
            ..spec()
        }
    );
    assert_eq!(header.slots().len(), 1);
    for length in 0..header.payload_offset() as usize {
        assert_eq!(Header::parse(&stored[..length]).unwrap(), None, "{length}");
    }
}

#[test]
fn texts_that_do_not_fit_their_record_are_refused_before_anything_is_sealed() {
    let ring = kek();
    let long = |length| "x".repeat(length);
    let cases = [
        SealSpec {
            component: String::new(),
            ..spec()
        },
        SealSpec {
            component: long(65),
            ..spec()
        },
        SealSpec {
            logical_path: String::new(),
            ..spec()
        },
        SealSpec {
            logical_path: long(1025),
            ..spec()
        },
        SealSpec {
            content_type: long(129),
            ..spec()
        },
        SealSpec {
            tool: long(65),
            ..spec()
        },
    ];
    for wrong in cases {
        assert_eq!(
            Sealer::begin(wrong, &ring, &SystemEntropy).unwrap_err().kind(),
            ErrorKind::Refused
        );
    }
    let longest = SealSpec {
        component: long(64),
        logical_path: long(1024),
        content_type: long(128),
        tool: long(64),
        ..spec()
    };
    let stored = seal_as(longest.clone(), b"content", &ring);
    let wanted = Expected::new(longest.repository, longest.logical_path);
    assert_eq!(open_in(1000, &stored, &wanted, &ring).unwrap(), b"content");
}

#[test]
fn limits_are_checked_as_soon_as_a_length_is_read() {
    let stored = seal(b"", &kek());
    let fixed = u32::from_le_bytes(stored[8..12].try_into().unwrap());
    for (at, length) in [
        (8, 4097),
        (8, u32::MAX),
        (12 + fixed, 0),
        (12 + fixed, 511),
        (12 + fixed, 16896),
        (12 + fixed, u32::MAX),
    ] {
        let mut stored = stored[..at as usize + 4].to_vec();
        stored[at as usize..].copy_from_slice(&length.to_le_bytes());
        assert_eq!(
            Header::parse(&stored).unwrap_err().kind(),
            ErrorKind::Damaged,
            "{at} {length}"
        );
    }
}

#[test]
fn records_out_of_order_repeated_missing_or_unknown_are_refused() {
    let fixed = fixed::Fixed {
        spec: spec(),
        file_id: [5; 32],
    }
    .encode()
    .unwrap();
    assert!(fixed::Fixed::decode(&fixed).is_ok());
    let mut records = Vec::new();
    let mut rest = &fixed[..];
    while !rest.is_empty() {
        let (record, tail) = rest.split_at(3 + u16::from_le_bytes([rest[1], rest[2]]) as usize);
        records.push(record);
        rest = tail;
    }
    assert_eq!(records.len(), 9);
    for n in 0..records.len() {
        let (mut swapped, mut repeated, mut missing) = (records.clone(), records.clone(), records.clone());
        swapped.swap(n, (n + 1) % 9);
        repeated.insert(n, records[n]);
        missing.remove(n);
        for wrong in [swapped, repeated, missing] {
            assert_eq!(
                fixed::Fixed::decode(&wrong.concat()).unwrap_err().kind(),
                ErrorKind::Damaged
            );
        }
    }
    for length in 0..fixed.len() {
        assert!(fixed::Fixed::decode(&fixed[..length]).is_err());
    }
    assert!(fixed::Fixed::decode(&[&fixed[..], &[10, 0, 0]].concat()).is_err());
}

#[test]
fn another_version_of_the_format_is_named() {
    let mut stored = seal(b"", &kek());
    stored[7] = 2;
    assert!(open(&stored, &kek()).unwrap_err().to_string().contains("PBE2"));
}

proptest! {
    #[test]
    fn random_bytes_never_make_a_header(tail in proptest::collection::vec(any::<u8>(), 0..3000), magic: bool) {
        let bytes = if magic { [&MAGIC[..], &tail].concat() } else { tail };
        if let Ok(found) = Header::parse(&bytes) {
            prop_assert_eq!(found, None);
        }
    }

    #[test]
    fn random_records_and_slots_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2048), count in 0u8..10) {
        if let Err(error) = fixed::Fixed::decode(&bytes) {
            prop_assert_eq!(error.kind(), ErrorKind::Damaged);
        }
        let slots = [&[count][..], &bytes].concat();
        if let Err(error) = slots::decode(&slots) {
            prop_assert_eq!(error.kind(), ErrorKind::Damaged);
        }
    }

    #[test]
    fn a_header_with_random_changes_never_opens(changes in proptest::collection::vec((0usize..900, 1u8..), 1..6)) {
        let ring = kek();
        let stored = seal(b"content", &ring);
        let mut changed = stored.clone();
        for (at, with) in changes {
            let at = at % header_of(&stored).payload_offset() as usize;
            changed[at] ^= with;
        }
        prop_assume!(changed != stored);
        prop_assert!(open(&changed, &ring).is_err());
    }
}

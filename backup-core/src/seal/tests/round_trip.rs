use super::*;
use crate::{ErrorKind, hex};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, aead::Aead};
use proptest::prelude::*;

const EDGES: [usize; 11] = [0, 1, 15, 16, 16383, 16384, 16385, 32767, 32768, 32769, 50000];

#[test]
fn what_was_sealed_opens_around_every_chunk_boundary() {
    let ring = kek();
    for length in EDGES {
        let plain = content(length);
        let stored = seal(&plain, &ring);
        assert_eq!(open(&stored, &ring).unwrap(), plain, "{length}");
        let offset = header_of(&stored).payload_offset();
        assert_eq!(payload_len(length as u64).unwrap(), stored.len() as u64 - offset);
        assert_eq!(plain_len(stored.len() as u64 - offset).unwrap(), length as u64);
    }
}

#[test]
fn it_does_not_matter_how_the_bytes_are_cut() {
    let ring = kek();
    let plain = content(33000);
    let stored = seal(&plain, &ring);
    for step in [1, 2, 7, 55, 56, 57, 511, 4096, 16399, 16400, 16401, 21000] {
        assert_eq!(open_in(step, &stored, &expected(), &ring).unwrap(), plain, "{step}");
    }
}

#[test]
fn every_key_of_the_rotation_and_the_recovery_key_open() {
    let line = |kind| generate(kind, &SystemEntropy).unwrap().expose().to_owned();
    let (old, new) = (line(KeyKind::Kek), line(KeyKind::Kek));
    let pair = crate::keys::recovery_pair(&SystemEntropy, spec().created).unwrap();
    let parse = |text: String| Arc::new(Keyring::parse(&text, "test").unwrap());
    let writer = parse(format!("{new}\n{old}\n{}", pair.public));
    let stored = seal(b"content", &writer);
    let kinds: Vec<_> = header_of(&stored).slots().iter().map(|slot| slot.kind).collect();
    assert_eq!(kinds, [SlotKind::Kek, SlotKind::HpkeX25519]);
    for opens in [
        parse(new.clone()),
        parse(format!("{old}\n{new}")),
        parse(pair.secret_file.expose().into()),
    ] {
        assert_eq!(open(&stored, &opens).unwrap(), b"content");
    }
    assert_eq!(open(&stored, &parse(old)).unwrap_err().kind(), ErrorKind::Key);
}

#[test]
fn public_keys_alone_seal_and_do_not_open() {
    let pair = crate::keys::recovery_pair(&SystemEntropy, spec().created).unwrap();
    let public = Arc::new(Keyring::parse(&pair.public, "test").unwrap());
    let stored = seal(&content(20000), &public);
    assert_eq!(open(&stored, &public).unwrap_err().kind(), ErrorKind::Key);
    let secret = Arc::new(Keyring::parse(pair.secret_file.expose(), "test").unwrap());
    assert_eq!(open(&stored, &secret).unwrap(), content(20000));
}

#[test]
fn without_a_key_nothing_is_sealed() {
    let error = Sealer::begin(spec(), &Keyring::default(), &SystemEntropy).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
}

#[test]
fn no_two_objects_share_a_key_or_a_name() {
    let ring = kek();
    let (a, b) = (seal(&content(100), &ring), seal(&content(100), &ring));
    assert_ne!(header_of(&a).file_id(), header_of(&b).file_id());
    assert_ne!(a[a.len() - 116..], b[b.len() - 116..]);
}

#[test]
fn ranges_open_to_the_same_content() {
    let ring = kek();
    for length in EDGES {
        let plain = content(length);
        let stored = seal(&plain, &ring);
        let reader = RangeOpener::new(
            &stored[..stored.len().min(20_000)],
            stored.len() as u64,
            &expected(),
            &ring,
        )
        .unwrap();
        assert_eq!(reader.plain_len(), length as u64);
        let edges = EDGES.iter().filter(|edge| **edge <= length);
        for (start, end) in edges
            .clone()
            .flat_map(|a| edges.clone().map(move |b| (*a, *b)))
            .filter(|(a, b)| a <= b)
        {
            let range = start as u64..end as u64;
            let at = reader.stored_range(&range).unwrap();
            let mut out = b"before".to_vec();
            reader
                .open(&range, &stored[at.start as usize..at.end as usize], &mut out)
                .unwrap();
            assert_eq!(out[6..], plain[start..end], "{range:?} of {length}");
        }
        assert!(reader.stored_range(&(0..length as u64 + 1)).is_err());
    }
}

#[test]
fn a_range_at_the_end_proves_the_end() {
    let ring = kek();
    let stored = seal(&content(32768), &ring);
    let whole = RangeOpener::new(&stored, stored.len() as u64, &expected(), &ring).unwrap();
    // The content ends with a full chunk, so the empty one after it must be read too.
    let at = whole.stored_range(&(32000..32768)).unwrap();
    assert_eq!(at.end, stored.len() as u64);
    for cut in [1, 15, 16, 17, 16416, 16417] {
        let stored = &stored[..stored.len() - cut];
        let opened = RangeOpener::new(stored, stored.len() as u64, &expected(), &ring).and_then(|reader| {
            let range = reader.plain_len()..reader.plain_len();
            let at = reader.stored_range(&range)?;
            reader.open(&range, &stored[at.start as usize..at.end as usize], &mut Vec::new())
        });
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::Damaged, "{cut}");
    }
}

#[test]
fn secrets_of_an_object_are_not_shown_by_debug() {
    let ring = kek();
    let (sealer, begin) = Sealer::begin(spec(), &ring, &Counting::default()).unwrap();
    let mut opener = Opener::new(expected(), Arc::clone(&ring));
    opener.update(&begin, &mut Vec::new()).unwrap();
    let shown = format!("{sealer:?} {opener:?}");
    // The file key is the second draw.
    let file_key: Vec<u8> = (37..69).collect();
    assert!(
        !shown.contains(&hex::encode(&file_key)[..16]) && !shown.contains("37, 38, 39, 40"),
        "{shown}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_payload_is_what_another_implementation_of_aes_gcm_makes(
        input: [u8; 32], salt: [u8; 24], context: [u8; 32], length in 0usize..50_000, step in 1usize..40_000,
    ) {
        let plain = content(length);
        let keys = schedule::PayloadKeys::derive(&input, &salt, &context).unwrap();
        let label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
        let raw = crate::keys::expand::<76>(&input, &[label, &salt, &context]).unwrap();
        let reference = Aes256Gcm::new_from_slice(&raw[..32]).unwrap();
        let mut wanted = Vec::new();
        for index in 0..=(length / CHUNK_LEN) {
            let mut nonce: [u8; 12] = raw[32..44].try_into().unwrap();
            nonce.iter_mut().rev().zip(index.to_le_bytes()).for_each(|(byte, count)| *byte ^= count);
            let chunk = &plain[index * CHUNK_LEN..length.min((index + 1) * CHUNK_LEN)];
            wanted.extend(reference.encrypt(&Nonce::from(nonce), chunk).unwrap());
        }
        let mut sealer = sealer::Sealer::of(keys);
        let mut made = Vec::new();
        for piece in plain.chunks(step) {
            sealer.update(piece, &mut made).unwrap();
        }
        sealer.finish(&mut made).unwrap();
        prop_assert!(made == wanted);
    }

    #[test]
    fn any_content_in_any_pieces_comes_back(
        plain in proptest::collection::vec(any::<u8>(), 0..40_000), step in 1usize..20_000,
    ) {
        let ring = kek();
        let stored = seal(&plain, &ring);
        prop_assert_eq!(open_in(step, &stored, &expected(), &ring).unwrap(), plain);
    }
}

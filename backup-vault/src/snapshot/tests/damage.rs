//! Any cut and any flip is found.

use super::writer::{Packed, Snapshot, gzip};
use crate::snapshot::{Flaw, Limits, Member, Place, Proof, SnapshotError, Trailer, prove};
use flate2::read::DeflateDecoder;
use std::{io::Read, ops::Range};

const BOTH: [Packed; 2] = [Packed::Deflated, Packed::Stored];

fn failure(file: &[u8]) -> Option<SnapshotError> {
    prove(file, file.len(), Limits::default()).err()
}

/// Every single-bit flip of `bytes` that `survives`, as places of bytes and bits.
fn surviving_flips(bytes: &[u8], survives: impl Fn(&[u8]) -> bool) -> Vec<(usize, u8)> {
    let mut flipped = bytes.to_vec();
    let mut surviving = Vec::new();
    for (place, byte) in bytes.iter().enumerate() {
        for bit in 0..8 {
            flipped[place] = byte ^ 1 << bit;
            if survives(&flipped) {
                surviving.push((place, bit));
            }
        }
        flipped[place] = *byte;
    }
    surviving
}

/// All bits of the bytes in `range`.
fn all_bits(range: Range<usize>) -> impl Iterator<Item = (usize, u8)> {
    range.flat_map(|place| (0..8).map(move |bit| (place, bit)))
}

#[test]
fn any_cut_at_any_length_is_found() {
    for packed in BOTH {
        let file = Snapshot::small(packed).file();
        for length in 0..file.len() {
            let error = failure(&file[..length]).unwrap();
            let wanted = if length < file.len() - 8 {
                Flaw::Cut
            } else {
                Flaw::CutTrailer
            };
            assert_eq!(error.flaw(), wanted, "{packed:?} {length}");
        }
    }
}

#[test]
fn a_cut_is_placed_in_the_file_where_it_happened() {
    let snapshot = Snapshot::small(Packed::Stored);
    let file = snapshot.file();
    // gzip header, block header, tar header: the first file begins at 10 + 5 + 512.
    let place = |length: usize| failure(&file[..length]).unwrap().place();
    assert_eq!(place(4), Place::File(4));
    let member = |member, byte| Place::Member { member, byte };
    assert_eq!(place(527 + 100), member(Member::Meta, 100));
    assert_eq!(place(527 + 512 + 512 + 9), member(Member::State, 9));
    assert_eq!(
        place(527 + 512),
        Place::Archive {
            byte: 1024,
            member: Some(Member::State)
        }
    );
    assert_eq!(place(file.len() - 8), Place::File(file.len() as u64 - 8));
}

#[test]
fn a_cut_trailer_alone_is_accepted_where_it_was_asked_for() {
    for packed in BOTH {
        let file = Snapshot::small(packed).file();
        let lenient = |bytes: &[u8]| {
            let mut proof = Proof::default().lenient_trailer();
            proof.feed(bytes)?;
            proof.finish()
        };
        assert_eq!(lenient(&file).unwrap().trailer, Trailer::Whole);
        for cut in 1..=8 {
            let facts = lenient(&file[..file.len() - cut]).unwrap();
            assert_eq!((facts.trailer, facts.keys.total.keys), (Trailer::Cut, 7), "{cut}");
        }
        for cut in 9..file.len() {
            assert_eq!(
                lenient(&file[..file.len() - cut]).unwrap_err().flaw(),
                Flaw::Cut,
                "{cut}"
            );
        }
        // A trailer that is there in part must be right in that part.
        let mut wrong = file[..file.len() - 5].to_vec();
        wrong[file.len() - 7] ^= 1;
        assert_eq!(lenient(&wrong).unwrap_err().flaw(), Flaw::Checksum);
    }
}

#[test]
fn bytes_after_the_end_are_found() {
    for packed in BOTH {
        let file = Snapshot::small(packed).file();
        for tail in [vec![0], vec![0; 4096], file.clone()] {
            let error = failure(&[file.clone(), tail].concat()).unwrap();
            assert_eq!(
                (error.flaw(), error.place()),
                (Flaw::TrailingBytes, Place::File(file.len() as u64))
            );
        }
    }
}

fn inflate(deflated: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(deflated).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Bits of a stored file that carry nothing: they can be flipped and the snapshot stays the same.
fn harmless_when_stored(file: &[u8]) -> Vec<(usize, u8)> {
    let header_facts = 4..10; // time of writing, level, operating system
    let padding = |byte: usize| (3..8).map(move |bit| (byte, bit)); // a stored block begins on a whole byte: five bits are skipped
    let last_block = file.len() - 8 - 5;
    all_bits(header_facts)
        .chain(padding(10))
        .chain(padding(last_block))
        .collect()
}

#[test]
fn any_flip_of_any_bit_of_a_stored_file_is_found() {
    let file = Snapshot::small(Packed::Stored).file();
    let surviving = surviving_flips(&file, |flipped| failure(flipped).is_none());
    assert_eq!(surviving, harmless_when_stored(&file));
}

#[test]
fn any_flip_of_any_bit_of_a_deflated_file_is_found() {
    let snapshot = Snapshot::small(Packed::Deflated);
    let file = snapshot.file();
    let surviving = surviving_flips(&file, |flipped| failure(flipped).is_none());
    let header_facts = 4..10; // time of writing, level, operating system
    let (header, rest): (Vec<_>, Vec<_>) = surviving
        .into_iter()
        .partition(|(place, _)| header_facts.contains(place));
    assert_eq!(header, all_bits(header_facts).collect::<Vec<_>>());
    // Deflate says the same in more than one way: a copy may come from another distance with the same bytes, and the bits after the last symbol
    // are skipped. Such a file is another, but not another snapshot.
    let archive = snapshot.archive();
    for (place, bit) in rest {
        let mut flipped = file.clone();
        flipped[place] ^= 1 << bit;
        assert!(inflate(&flipped[10..]) == archive, "{place} {bit}");
    }
}

#[test]
fn any_flip_inside_the_archive_is_found_even_with_a_right_gzip_checksum() {
    let snapshot = Snapshot {
        pax: true,
        ..Snapshot::small(Packed::Stored)
    };
    let archive = snapshot.archive();
    // Nothing but Vault's seal proves the encrypted sums: all bits of that file, which its padding and two zero blocks follow.
    let sealed = archive.len() - 1024 - 512;
    let harmless: Vec<_> = all_bits(sealed..sealed + snapshot.sealed.len()).collect();
    let surviving = surviving_flips(&archive, |flipped| failure(&gzip(flipped, Packed::Stored)).is_none());
    assert_eq!(surviving, harmless);
}

//! What is whole is proven, and says what it is.

use super::writer::{Packed, Snapshot, entry, field, record};
use crate::snapshot::{Limits, Peer, Proof, SealFacts, SnapshotFacts, Tally, Trailer, prove};
use sha2::{Digest, Sha256};

pub(super) fn prove_whole(file: &[u8]) -> SnapshotFacts {
    prove(file, file.len(), Limits::default()).unwrap()
}

#[test]
fn every_form_that_vault_and_openbao_write_is_proven() {
    for packed in [Packed::Deflated, Packed::Stored] {
        for (state_first, pax) in [(false, false), (true, false), (false, true), (true, true)] {
            let snapshot = Snapshot {
                state_first,
                pax,
                ..Snapshot::small(packed)
            };
            assert_eq!(prove_whole(&snapshot.file()).keys.total.keys, 7, "{snapshot:?}");
        }
    }
}

#[test]
fn the_facts_are_those_of_the_snapshot() {
    let snapshot = Snapshot::small(Packed::Deflated);
    let file = snapshot.file();
    let facts = prove_whole(&file);
    assert_eq!((facts.id.as_str(), facts.index, facts.term), ("bolt-snapshot", 4711, 3));
    assert_eq!(facts.configuration_index, 1);
    let peer = |id: &str, address: &str, voter| Peer {
        id: id.into(),
        address: address.into(),
        voter,
    };
    assert_eq!(
        facts.peers,
        [
            peer("node1", "127.0.0.1:8201", true),
            peer("node2", "127.0.0.2:8201", false)
        ]
    );
    let seal = |kind: &str, shares, threshold| SealFacts {
        kind: kind.into(),
        shares,
        threshold,
    };
    assert_eq!(facts.seal, seal("awskms", 5, 3));
    assert_eq!(facts.recovery, Some(seal("shamir", 7, 4)));
    assert_eq!(facts.length, file.len() as u64);
    assert_eq!(facts.archive_length, snapshot.archive().len() as u64);
    assert_eq!(facts.state_length, snapshot.state().len() as u64);
    assert_eq!(facts.state_sha256, <[u8; 32]>::from(Sha256::digest(snapshot.state())));
    assert_eq!(facts.sha256, <[u8; 32]>::from(Sha256::digest(&file)));
    assert_eq!(facts.trailer, Trailer::Whole);
}

#[test]
fn keys_are_counted_by_two_parts_with_the_bytes_of_their_records() {
    let mut snapshot = Snapshot::small(Packed::Stored);
    // Between `a/b` and `a/b/c` stands another prefix: the first comes twice.
    for (at, key) in ["a/b", "a/b-x/1", "a/b/c"].into_iter().enumerate() {
        snapshot.entries.insert(at, (key.into(), b"v".to_vec()));
    }
    let counts = prove_whole(&snapshot.file()).keys;
    let names: Vec<_> = counts
        .by_prefix
        .iter()
        .map(|(name, tally)| (name.as_str(), tally.keys))
        .collect();
    assert_eq!(
        names,
        [
            ("a/b", 2),
            ("a/b-x", 1),
            ("core/keyring", 1),
            ("core/recovery-config", 1),
            ("core/seal-config", 1),
            ("logical/1", 2),
            ("logical/2", 1),
            ("sys/policy", 1),
        ]
    );
    let bytes = entry(b"logical/1/a", b"", false).len() + entry(b"logical/1/b", b"\0\x01\x02", false).len();
    assert_eq!(
        counts.by_prefix["logical/1"],
        Tally {
            keys: 2,
            bytes: bytes as u64
        }
    );
    assert_eq!((counts.total.keys, counts.others), (10, Tally::default()));
}

#[test]
fn seal_wrapped_entries_and_fields_of_later_versions_pass_by() {
    let snapshot = Snapshot::small(Packed::Stored);
    let mut state = snapshot.state();
    state.extend(record(&entry(b"t", b"v", true)));
    state.extend(record(
        &[entry(b"u", b"v", true), field(4, b"later"), vec![5 << 3, 0x80, 1]].concat(),
    ));
    let files = snapshot.files_around(state);
    let file = super::writer::gzip(&super::writer::archive(&files, false), Packed::Stored);
    assert_eq!(prove_whole(&file).keys.total.keys, 9);
}

#[test]
fn a_large_value_is_proven_without_being_held() {
    let mut snapshot = Snapshot::small(Packed::Deflated);
    snapshot.entries.push((b"sys/z".to_vec(), vec![7; 3 << 20]));
    let mut proof = Proof::default();
    for piece in snapshot.file().chunks(1000) {
        proof.feed(piece).unwrap();
        assert!(proof.held() < 1 << 20);
    }
    assert_eq!(proof.finish().unwrap().keys.total.keys, 8);
}

#[test]
fn texts_of_a_snapshot_hold_no_control_characters() {
    let mut snapshot = Snapshot::small(Packed::Stored);
    snapshot.entries.push((b"x\x1b[2J/\xff".to_vec(), Vec::new()));
    let counts = prove_whole(&snapshot.file()).keys;
    assert!(counts.by_prefix.contains_key("x\\u{1b}[2J/\u{fffd}"), "{counts:?}");
}

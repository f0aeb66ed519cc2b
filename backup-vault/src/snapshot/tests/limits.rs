//! Limits are checked before memory is taken.

use super::writer::{Packed, Snapshot, archive, field, gzip, header, record, uvarint};
use crate::snapshot::{Flaw, Limits, Tally, prove};

/// As long as a header without extensions can say.
const LONG: usize = (8 << 30) - 1;

fn failure(state: Vec<u8>) -> Flaw {
    let files = Snapshot::small(Packed::Stored).files_around(state);
    let file = gzip(&archive(&files, false), Packed::Stored);
    prove(&file, 100, Limits::default()).unwrap_err().flaw()
}

#[test]
fn a_record_that_claims_to_be_long_takes_no_memory() {
    let key = |length: u64| [uvarint(length + 10), vec![0x0a], uvarint(length)].concat();
    assert_eq!(failure(key(40 << 10)), Flaw::KeyTooLong);
    assert_eq!(failure(key(1 << 40)), Flaw::RecordTooLong);
    assert_eq!(failure(uvarint(u64::MAX)), Flaw::RecordTooLong);
    let configuration = [field(1, b"core/seal-config"), vec![0x12], uvarint(1 << 20)].concat();
    let length = uvarint(configuration.len() as u64 + (1 << 20));
    assert_eq!(failure([length, configuration].concat()), Flaw::ValueTooLong);
}

#[test]
fn a_file_that_claims_to_be_long_takes_no_memory() {
    let claims = |name: &'static str, size: usize, before: usize| {
        let mut files = Snapshot::small(Packed::Stored).files();
        files.truncate(before);
        let mut bytes = archive(&files, false);
        bytes.truncate(bytes.len() - 1024);
        bytes.extend(header(name, b'0', size));
        let file = gzip(&bytes, Packed::Stored);
        prove(&file, 100, Limits::default()).unwrap_err().flaw()
    };
    assert_eq!(claims("meta.json", LONG, 0), Flaw::MemberTooLong);
    assert_eq!(claims("state.bin", LONG, 1), Flaw::StateLength);
    assert_eq!(claims("SHA256SUMS", LONG, 2), Flaw::Sums);
    assert_eq!(claims("SHA256SUMS.sealed", LONG, 3), Flaw::MemberTooLong);
}

#[test]
fn prefixes_beyond_the_limit_are_counted_together() {
    let mut snapshot = Snapshot::small(Packed::Deflated);
    let many = (0..20).map(|key| (format!("z/{key:04}/x").into_bytes(), b"v".to_vec()));
    snapshot.entries.extend(many);
    let long = format!("z/{}", "l".repeat(40));
    snapshot.entries.push((long.clone().into_bytes(), Vec::new()));
    let limits = Limits {
        prefixes: 10,
        prefix: 30,
        ..Limits::default()
    };
    let counts = prove(&snapshot.file(), 100, limits).unwrap().keys;
    assert_eq!(
        (counts.by_prefix.len(), counts.others.keys, counts.total.keys),
        (10, 17, 28)
    );
    let named: u64 = counts.by_prefix.values().map(|tally| tally.bytes).sum();
    assert_eq!(named + counts.others.bytes, counts.total.bytes);
    assert_ne!(counts.others, Tally::default());
    assert!(!record(&field(1, long.as_bytes())).is_empty());
}

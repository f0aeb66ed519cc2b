//! What a broken or hostile writer could make: every sum right, and still no snapshot.

use super::writer::{
    File, Packed, Snapshot, archive, entry, field, gzip, header, meta, padded, pax_record, record, seal_header, stored,
    sums, uvarint,
};
use crate::snapshot::{Flaw, Limits, Member, Place, SnapshotError, prove};
use backup_core::ErrorKind;

fn small() -> Snapshot {
    Snapshot::small(Packed::Stored)
}

fn failure(files: &[File]) -> SnapshotError {
    failure_of_archive(&archive(files, false))
}

fn failure_of_archive(archive: &[u8]) -> SnapshotError {
    prove(&gzip(archive, Packed::Stored), 4096, Limits::default()).unwrap_err()
}

fn failure_of_state(state: Vec<u8>) -> SnapshotError {
    failure(&small().files_around(state))
}

/// `state.bin` of the small snapshot, and what comes after it.
fn state_and(more: &[u8]) -> Vec<u8> {
    [small().state(), more.to_vec()].concat()
}

#[test]
fn a_file_that_is_missing_repeated_renamed_or_out_of_order_is_found() {
    let files = small().files();
    for missing in 0..4 {
        let mut some = files.clone();
        some.remove(missing);
        let wanted = if missing == 3 {
            Flaw::MissingMember
        } else {
            Flaw::WrongMember
        };
        assert_eq!(failure(&some).flaw(), wanted, "{missing}");
    }
    for repeated in 0..4 {
        let mut more = files.clone();
        more.insert(repeated, files[repeated].clone());
        assert_eq!(failure(&more).flaw(), Flaw::WrongMember, "{repeated}");
    }
    let mut renamed = files.clone();
    renamed[3].0 = "SHA256SUMS.seale";
    assert_eq!(failure(&renamed).flaw(), Flaw::WrongMember);
    let mut swapped = files.clone();
    swapped.swap(2, 3);
    assert_eq!(failure(&swapped).flaw(), Flaw::WrongMember);
}

#[test]
fn sums_that_are_not_those_of_both_files_are_found() {
    let with = |sums: Vec<u8>| {
        let mut files = small().files();
        files[2].1 = sums;
        failure(&files).flaw()
    };
    let (meta, state) = (small().files()[0].1.clone(), small().state());
    assert_eq!(with(sums(b"other", &state, false)), Flaw::MetaSum);
    assert_eq!(with(sums(&meta, b"other", true)), Flaw::StateSum);
    let twice = sums(&meta, &state, false)[..77].repeat(2);
    let upper = sums(&meta, &state, false).to_ascii_uppercase();
    for wrong in [Vec::new(), vec![b'0'; 152], twice[..152].to_vec(), upper] {
        assert_eq!(with(wrong), Flaw::Sums);
    }
}

#[test]
fn sealed_sums_that_were_never_written_are_found() {
    let empty = Snapshot {
        sealed: Vec::new(),
        ..small()
    };
    let error = failure(&empty.files());
    assert_eq!(error.flaw(), Flaw::NoSealedSums);
    assert_eq!(
        error.to_string().rsplit(", around ").next(),
        Some("SHA256SUMS.sealed: it is empty")
    );
}

#[test]
fn a_description_that_is_not_one_of_raft_is_found() {
    let with = |text: Vec<u8>| {
        let mut files = small().files();
        files[0].1 = text;
        failure(&files).flaw()
    };
    let good = String::from_utf8(meta(small().state().len())).unwrap();
    assert_eq!(
        with(good.replace(r#""Version":1"#, r#""Version":2"#).into()),
        Flaw::MetaVersion
    );
    assert_eq!(
        with(good.replace(r#""Size":"#, r#""Size":1"#).into()),
        Flaw::StateLength
    );
    for wrong in ["", "{}", "null", "x"] {
        assert_eq!(with(wrong.into()), Flaw::Meta, "{wrong}");
    }
    assert_eq!(
        with(good.replace(r#""Index":4711"#, r#""Index":-1"#).into()),
        Flaw::Meta
    );
    assert_eq!(with(format!("{good}{good}").into()), Flaw::Meta);
    assert_eq!(
        with(format!("{good}{}", " ".repeat(8 << 10)).into()),
        Flaw::MemberTooLong
    );
}

#[test]
fn records_that_are_no_storage_entries_are_found_at_their_first_byte() {
    let begins = small().state().len() as u64;
    let wrong = [
        vec![0],                                                          // an empty record
        vec![0x80],                                                       // half a length
        uvarint(u64::MAX)[..9].repeat(2),                                 // a length of more than 64 bits
        record(&field(2, b"value alone")),                                // no key
        record(&field(1, b"")),                                           // an empty key
        record(&[field(1, b"z"), field(1, b"z")].concat()),               // two keys
        record(&[field(2, b"v"), field(1, b"z")].concat()),               // out of order
        record(&[vec![1 << 3, 5]].concat()),                              // a key that is a number
        record(&[field(1, b"z"), vec![3 << 3 | 5, 0, 0, 0, 0]].concat()), // a wire type that no field has
        record(&[0x0a, 9, b'z']),                                         // a key that is longer than its record
        record(&[field(1, b"z"), vec![0x12]].concat()),                   // a record that ends within a field
        [vec![9], field(1, b"z")].concat(),                               // a record that is longer than the file
    ];
    for more in wrong {
        let error = failure_of_state(state_and(&more));
        let place = Place::Member {
            member: Member::State,
            byte: begins,
        };
        assert_eq!((error.flaw(), error.place()), (Flaw::Record, place), "{more:?}");
    }
}

#[test]
fn keys_that_are_equal_or_descend_are_found() {
    for key in ["sys/policy/root", "sys/policy", "a"] {
        let error = failure_of_state(state_and(&record(&entry(key.as_bytes(), b"v", false))));
        assert_eq!(error.flaw(), Flaw::KeyOrder, "{key}");
    }
}

#[test]
fn a_state_that_nobody_could_unseal_is_found() {
    let without = |key: &str| {
        let mut snapshot = small();
        snapshot.entries.retain(|entry| entry.0 != key.as_bytes());
        failure(&snapshot.files()).flaw()
    };
    assert_eq!(without("core/keyring"), Flaw::NoKeyring);
    assert_eq!(without("core/seal-config"), Flaw::NoSealConfig);
    assert_eq!(failure_of_state(Vec::new()).flaw(), Flaw::NoKeyring);
    let mut snapshot = small();
    snapshot.entries[2].1 = b"encrypted".to_vec();
    assert_eq!(failure(&snapshot.files()).flaw(), Flaw::SealConfig);
}

#[test]
fn an_archive_that_ends_otherwise_is_found() {
    let whole = small().archive();
    assert_eq!(failure_of_archive(&whole[..whole.len() - 512]).flaw(), Flaw::Cut);
    assert_eq!(
        failure_of_archive(&[whole.clone(), vec![0]].concat()).flaw(),
        Flaw::ArchiveTail
    );
    let mut second = whole.clone();
    let last = second.len() - 1;
    second[last] = 1;
    assert_eq!(failure_of_archive(&second).flaw(), Flaw::EndBlocks);
}

#[test]
fn headers_that_vault_does_not_write_are_refused() {
    let begin = |edit: &dyn Fn(&mut [u8])| {
        let mut archive = small().archive();
        edit(&mut archive[..512]);
        seal_header(&mut archive[..512]);
        failure_of_archive(&archive).flaw()
    };
    assert_eq!(begin(&|block| block[156] = b'2'), Flaw::Header); // a symbolic link
    assert_eq!(begin(&|block| block[257] = b'x'), Flaw::Header); // another format
    assert_eq!(begin(&|block| block[345] = b'p'), Flaw::Header); // a folder before the name
    assert_eq!(begin(&|block| block[124] = 0x80), Flaw::Header); // a size in binary
    for records in [
        "30 mtime=1.5\n",
        "8 size=1\n",
        "99 size=1\n",
        "10 size=01\n",
        "10 size=-1\n",
        "0 size=1\n",
        "x",
    ] {
        let extended = [
            header("PaxHeaders.0/x", b'x', records.len()),
            padded(records.as_bytes()),
        ]
        .concat();
        let error = failure_of_archive(&[extended, small().archive()].concat());
        assert_eq!(error.flaw(), Flaw::Pax, "{records}");
    }
    let records = pax_record("size=1");
    let extended = [header("PaxHeaders.0/x", b'x', records.len()), padded(&records)].concat();
    assert_eq!(
        failure_of_archive(&[extended.repeat(2), small().archive()].concat()).flaw(),
        Flaw::Pax
    );
}

#[test]
fn other_bytes_than_those_of_gzip_are_refused() {
    let fails = |file: &[u8]| prove(file, 7, Limits::default()).unwrap_err().flaw();
    let file = small().file();
    assert_eq!(fails(b"{\"errors\":[]}"), Flaw::NotGzip);
    let named = [&file[..3], &[8], &file[4..10], b"name\0", &file[10..]].concat();
    assert_eq!(fails(&named), Flaw::GzipFields);
    let (sum, length) = (file.len() - 8, file.len() - 4);
    for (at, flaw) in [(sum, Flaw::Checksum), (length, Flaw::Length)] {
        let mut wrong = file.clone();
        wrong[at] ^= 1;
        assert_eq!(fails(&wrong), flaw);
    }
    // The third kind of deflate block does not exist.
    let reserved = [&file[..10], &[7], &stored(b"")].concat();
    assert_eq!(fails(&reserved), Flaw::Deflate);
}

#[test]
fn a_broken_snapshot_fails_a_backup_as_the_server_and_a_restore_as_damage() {
    let file = small().file();
    let error = prove(&file[..2000], 100, Limits::default()).unwrap_err();
    let of_server = error.of_server();
    assert_eq!(of_server.kind(), ErrorKind::SourceFailed);
    assert_eq!(of_server.hints().len(), 1);
    assert_eq!(
        of_server.chain(),
        "the snapshot that Vault sent is not complete: at byte 1536 of the archive, around SHA256SUMS: it ends too early"
    );
    assert_eq!(error.of_stored().kind(), ErrorKind::Damaged);
    let cut = prove(&file[..file.len() - 1], 100, Limits::default()).unwrap_err();
    assert!(cut.of_stored().hints()[0].contains("--lenient-trailer"));
}

use super::*;
use crate::{frames::FrameEncoder, keys::fresh_key_file, testing::SeededEntropy};
use proptest::{prelude::*, sample::Index};

const OBJECT: &[u8] = include_bytes!("../../../../tests/golden/1/20260422_170000/globals.sql.pbe");
const LONG_OBJECT: &[u8] = include_bytes!("../../../../tests/golden/1/20260422_170000/platform_money.pgdump.zst.pbe");
const MANIFEST: &[u8] = include_bytes!("../../../../tests/golden/1/_pbe/manifests/20260422_170000.json");
const REPOSITORY: &[u8] = include_bytes!("../../../../tests/golden/1/_pbe/repository.json");
const LEASE: &[u8] = include_bytes!("../../../../tests/golden/1/_pbe/lease/postgres.dump/current");
const LIST: &[u8] = br#"<?xml version="1.0"?><ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>
    <EncodingType>url</EncodingType><Contents><Key>a%2Fb+c</Key><LastModified>2026-11-22T21:14:33.123Z</LastModified><ETag>&quot;e&quot;</ETag>
    <Size>3</Size></Contents><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>"#;
const UPLOADS: &[u8] =
    br#"<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker><Upload><Key>a</Key>
    <UploadId>u</UploadId><Initiated>2026-11-22T21:14:33Z</Initiated></Upload></ListMultipartUploadsResult>"#;
const ERROR: &[u8] = b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>";

/// One change of valid bytes.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    /// What stands here is written there again.
    Repeat(Index, Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let bytes = || proptest::collection::vec(any::<u8>(), 1..20);
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, value)| Change::Set(at, value)),
        1 => any::<Index>().prop_map(Change::Cut),
        2 => (any::<Index>(), bytes()).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        2 => (any::<Index>(), any::<Index>(), 1usize..200).prop_map(|(from, to, length)| Change::Repeat(from, to, length)),
    ]
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>) {
        let place = |index: &Index| index.index(bytes.len() + 1);
        match self {
            Self::Set(at, value) => {
                let at = place(at);
                bytes.splice(at..bytes.len().min(at + 1), [*value]);
            }
            Self::Cut(at) => bytes.truncate(place(at)),
            Self::Insert(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Repeat(from, to, length) => {
                let (from, to) = (place(from), place(to));
                let piece = bytes[from..bytes.len().min(from + length)].to_vec();
                bytes.splice(to..to, piece);
            }
        }
    }
}

/// Bytes that are almost one of `valid`, or anything at all.
fn hostile(valid: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changed = (
        proptest::sample::select(valid),
        proptest::collection::vec(change(), 0..5),
    )
        .prop_map(|(mut bytes, changes)| {
            changes.iter().for_each(|change| change.make(&mut bytes));
            bytes
        });
    prop_oneof![4 => changed, 1 => proptest::collection::vec(any::<u8>(), 0..2000)]
}

fn content(pieces: &[&[u8]]) -> Vec<u8> {
    let (encoder, mut table, mut bytes) = (FrameEncoder::new(3).unwrap(), SeekTable::default(), Vec::new());
    for piece in pieces {
        if let Some(frame) = encoder.compress_frame(piece, &mut bytes).unwrap() {
            table.push(frame).unwrap();
        }
    }
    bytes.extend(table.encode());
    bytes
}

fn contents() -> Vec<Vec<u8>> {
    vec![
        content(&[]),
        content(&[b"abc"]),
        content(&[&[7; 70_000], b"abc", &b"to be or not to be ".repeat(40)]),
    ]
}

fn documents() -> Vec<Vec<u8>> {
    let line = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
    vec![MANIFEST.to_vec(), line(MANIFEST), line(REPOSITORY), LEASE.to_vec()]
}

fn key_files() -> Vec<Vec<u8>> {
    let fresh = fresh_key_file(&SeededEntropy::new(1), jiff::Timestamp::UNIX_EPOCH).unwrap();
    vec![fresh.expose().as_bytes().to_vec(), KEK.as_bytes().to_vec()]
}

#[test]
fn what_mutations_begin_with_is_valid() {
    let ring = Arc::new(Keyring::documented(KEK).unwrap());
    for object in [OBJECT, LONG_OBJECT] {
        let spec = Header::parse(object).unwrap().unwrap().spec().clone();
        let expected = Expected::new(spec.repository, spec.logical_path);
        assert!(opened(object, 100, &expected, &ring).is_some());
    }
    assert!(contents().iter().all(|bytes| decoded(bytes, 1).is_some()));
    assert!(document::decode::<Manifest>(MANIFEST, None).is_ok());
    assert!(document::decode::<RepositoryDocument>(REPOSITORY, None).is_ok());
    assert!(LeaseBody::decode(LEASE).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn sealed_objects_open_alike_however_they_come(bytes in hostile(vec![OBJECT.to_vec(), LONG_OBJECT.to_vec()])) {
        sealed_object(&bytes);
    }

    #[test]
    fn compressed_content_decodes_alike_however_it_comes(bytes in hostile(contents())) {
        frames(&bytes);
    }

    #[test]
    fn documents_that_are_read_can_be_written(bytes in hostile(documents())) {
        document(&bytes);
    }

    #[test]
    fn any_text_is_a_ring_of_keys_or_a_key_error(bytes in hostile(key_files())) {
        key_file(&bytes);
    }

    #[test]
    fn any_answer_of_s3_is_read_or_refused(bytes in hostile([LIST, UPLOADS, ERROR].map(<[u8]>::to_vec).into())) {
        s3_answer(&bytes);
    }
}

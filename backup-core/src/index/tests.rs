//! What an index promises, for records of any kind.

use super::*;
use crate::{ErrorKind, Result, pipeline::ByteStream};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use proptest::{collection, prelude::*};
use std::collections::BTreeMap;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(work)
}

fn any_map() -> impl Strategy<Value = Map> {
    let key = prop_oneof![
        collection::vec(any::<u8>(), 1..8),
        "[a-c/]{1,6}".prop_map(String::into_bytes),
        collection::vec(any::<u8>(), MAX_KEY_LEN - 2..=MAX_KEY_LEN),
    ];
    collection::btree_map(key, collection::vec(any::<u8>(), 0..40), 0..60)
}

fn stream_of(map: &Map) -> RecordStream {
    let records: Vec<Result<Record>> = map.iter().map(|(key, value)| Ok(record(key, value))).collect();
    stream::iter(records).boxed()
}

fn record(key: &[u8], value: &[u8]) -> Record {
    Record {
        key: Bytes::copy_from_slice(key),
        value: Bytes::copy_from_slice(value),
    }
}

fn content_of(map: &Map) -> Vec<u8> {
    let blocks: Vec<Bytes> = block_on(blocks(stream_of(map)).try_collect()).unwrap();
    blocks.concat()
}

fn cut(content: &[u8], at: &[usize]) -> ByteStream {
    let (mut pieces, mut rest) = (Vec::new(), content);
    for length in at {
        let (piece, after) = rest.split_at((*length).min(rest.len()));
        pieces.push(Ok(Bytes::copy_from_slice(piece)));
        rest = after;
    }
    pieces.push(Ok(Bytes::copy_from_slice(rest)));
    stream::iter(pieces).boxed()
}

fn collected(records: RecordStream) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    block_on(
        records
            .map_ok(|record| (record.key.to_vec(), record.value.to_vec()))
            .try_collect(),
    )
}

proptest! {
    #[test]
    fn what_was_written_is_read_however_it_is_cut(map in any_map(), at in collection::vec(0usize..9000, 0..40)) {
        let found = collected(records(cut(&content_of(&map), &at))).unwrap();
        prop_assert_eq!(found, map.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn an_index_that_ends_within_a_record_is_damaged(map in any_map(), at in any::<prop::sample::Index>()) {
        let content = content_of(&map);
        prop_assume!(!content.is_empty());
        let end = at.index(content.len());
        let mut ends = vec![0];
        for (key, value) in &map {
            ends.push(ends[ends.len() - 1] + record(key, value).encoded_len());
        }
        let read = collected(records(cut(&content[..end], &[])));
        match ends.binary_search(&end) {
            Ok(whole) => prop_assert_eq!(read.unwrap().len(), whole),
            Err(_) => prop_assert_eq!(read.unwrap_err().kind(), ErrorKind::Damaged),
        }
    }

    #[test]
    fn bytes_of_anybody_never_give_keys_out_of_order(bytes in collection::vec(any::<u8>(), 0..300)) {
        let mut decoder = RecordDecoder::default();
        decoder.push(bytes.into());
        let mut last: Option<Bytes> = None;
        while let Ok(Some(record)) = decoder.take() {
            prop_assert!(last.is_none_or(|last| last < record.key));
            last = Some(record.key);
        }
    }

    #[test]
    fn a_join_names_every_key_once_with_both_values(left in any_map(), right in any_map()) {
        let joined: Vec<Joined> = block_on(join(stream_of(&left), stream_of(&right)).try_collect()).unwrap();
        let mut wanted = Vec::new();
        let mut keys: Vec<&Vec<u8>> = left.keys().chain(right.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            wanted.push(match (left.get(key), right.get(key)) {
                (Some(one), None) => Joined::Left(record(key, one)),
                (None, Some(other)) => Joined::Right(record(key, other)),
                (one, other) => Joined::Both {
                    key: Bytes::copy_from_slice(key),
                    left: Bytes::copy_from_slice(one.unwrap()),
                    right: Bytes::copy_from_slice(other.unwrap()),
                },
            });
        }
        prop_assert_eq!(joined, wanted);
    }

    #[test]
    fn a_merge_of_pieces_is_the_whole(map in any_map(), places in collection::vec(0usize..5, 60)) {
        let mut pieces = vec![Map::new(); 5];
        for ((key, value), place) in map.iter().zip(places) {
            pieces[place].insert(key.clone(), value.clone());
        }
        let merged = collected(merge(pieces.iter().map(stream_of).collect())).unwrap();
        prop_assert_eq!(merged, map.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_key_in_two_lists_is_no_merge() {
    let map = Map::from([(b"a".to_vec(), Vec::new())]);
    let error = collected(merge(vec![stream_of(&map), stream_of(&map)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
}

#[test]
fn a_side_that_fails_ends_a_join_and_a_merge_with_its_error() {
    let broken = || {
        let failed = crate::Error::new(ErrorKind::StoreFailed, "the store failed");
        let items = vec![Ok(record(b"a", b"")), Err(failed)];
        stream::iter(items).boxed()
    };
    let whole = || stream_of(&Map::from([(b"b".to_vec(), Vec::new())]));
    for (left, right) in [(broken(), whole()), (whole(), broken())] {
        let joined: Result<Vec<Joined>> = block_on(join(left, right).try_collect());
        assert_eq!(joined.unwrap_err().kind(), ErrorKind::StoreFailed);
    }
    let merged = collected(merge(vec![whole(), broken()]));
    assert_eq!(merged.unwrap_err().kind(), ErrorKind::StoreFailed);
}

#[test]
fn keys_must_ascend_and_stay_within_their_limits() {
    let mut blocks = Blocks::default();
    blocks.push(record(b"b", b"")).unwrap();
    for key in [&b"b"[..], b"a", b"aa"] {
        assert_eq!(blocks.push(record(key, b"")).unwrap_err().kind(), ErrorKind::Internal);
    }
    let (long, wide) = (vec![b'c'; MAX_KEY_LEN + 1], vec![0; MAX_VALUE_LEN + 1]);
    for (key, value) in [(&long[..], &b""[..]), (b"c", &wide)] {
        assert_eq!(blocks.push(record(key, value)).unwrap_err().kind(), ErrorKind::Refused);
    }
    assert_eq!(
        Blocks::default().push(record(b"", b"")).unwrap_err().kind(),
        ErrorKind::Refused
    );
}

#[test]
fn blocks_begin_with_a_record_and_are_not_much_longer_than_their_limit() {
    let map: Map = (0u32..3000).map(|n| (n.to_be_bytes().to_vec(), vec![7; 500])).collect();
    let blocks: Vec<Bytes> = block_on(blocks(stream_of(&map)).try_collect()).unwrap();
    assert!(blocks.len() > 4, "{}", blocks.len());
    let mut records = 0;
    for block in blocks {
        assert!(block.len() < BLOCK_LEN + 600);
        let mut decoder = RecordDecoder::default();
        decoder.push(block);
        while decoder.take().unwrap().is_some() {
            records += 1;
        }
        decoder.finish().unwrap();
    }
    assert_eq!(records, 3000);
}

use super::{
    synthetic::{Entry, archive, example},
    *,
};
use backup_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{StreamExt, stream};
use proptest::prelude::*;

fn walk(bytes: &[u8], piece: usize) -> Result<Walked> {
    let mut walk = ArchiveWalk::default();
    for piece in bytes.chunks(piece) {
        walk.push(piece)?;
    }
    walk.finish()
}

fn contents(bytes: &[u8], piece: usize) -> Contents {
    match walk(bytes, piece).unwrap() {
        Walked::Complete(contents) => *contents,
        Walked::UnknownLayout { .. } => panic!("a known layout"),
    }
}

#[test]
fn every_known_version_is_walked_in_pieces_of_every_size() {
    for minor in 12..=16 {
        let bytes = example(minor);
        let whole = contents(&bytes, bytes.len());
        assert_eq!(whole.header.version, (1, minor, 0));
        assert_eq!(whole.header.database, "platform_money");
        assert_eq!((whole.header.entries, whole.dump_major()), (7, Some(15)));
        let tables: Vec<_> = whole.tables.iter().map(ToString::to_string).collect();
        assert_eq!(tables, ["public.accounts", "public.empty"]);
        let rows: Vec<_> = whole.data.iter().map(|data| data.rows).collect();
        assert_eq!(rows, [Some(3), Some(0)]);
        assert_eq!((whole.count("INDEX"), whole.rows()), (1, Some(3)));
        assert_eq!(whole.owners.iter().collect::<Vec<_>>(), ["kernel"]);
        assert!(
            whole
                .database
                .as_ref()
                .unwrap()
                .create
                .to_string()
                .starts_with("CREATE DATABASE platform_money ")
        );
        for piece in 1..40 {
            assert_eq!(contents(&bytes, piece), whole, "pieces of {piece}");
        }
    }
}

fn privilege(kind: &'static str, definition: &str) -> Entry {
    Entry {
        definition: definition.into(),
        ..Entry::new(kind, "TABLE accounts")
    }
}

#[test]
fn roles_of_privileges_and_policies_are_known_and_what_cannot_be_read_is_counted() {
    let entries = [
        privilege("ACL", "GRANT SELECT ON TABLE public.accounts TO reader;\n"),
        privilege(
            "DEFAULT ACL",
            "ALTER DEFAULT PRIVILEGES FOR ROLE kernel GRANT SELECT ON TABLES  TO later;\n",
        ),
        privilege("POLICY", "CREATE POLICY p ON public.accounts TO tenant USING (true);\n"),
        privilege("POLICY", "CREATE SOMETHING ELSE"),
    ];
    for piece in [1, 7, 10_000] {
        let found = contents(&archive(14, 0, &entries), piece);
        assert_eq!(found.grantees.iter().collect::<Vec<_>>(), ["later", "reader", "tenant"]);
        assert_eq!(found.unread_privileges, 1);
    }
    let mut small = ArchiveWalk::new(Limits {
        name: 60,
        ..Limits::default()
    });
    small.push(&archive(14, 0, &entries)).unwrap();
    let found = small.contents().unwrap();
    assert_eq!(
        (found.grantees.len(), found.unread_privileges),
        (2, 2),
        "too long is not damaged"
    );
}

#[test]
fn an_archive_cut_anywhere_is_not_complete() {
    for minor in [12, 14, 15, 16] {
        let bytes = example(minor);
        for length in 0..bytes.len() {
            let error = walk(&bytes[..length], 7).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "cut at {length}");
        }
    }
}

#[test]
fn bytes_after_the_last_block_are_found() {
    let mut bytes = example(14);
    bytes.push(1);
    assert_eq!(walk(&bytes, 64).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn a_block_that_is_missing_or_in_another_place_is_found() {
    let two = |first, second| archive(14, 0, &[Entry::data(first, 1), Entry::data(second, 2)]);
    let bytes = two("a", "b");
    let start = bytes.len() - 2 * (1 + 5 + 5 + 5 + 5) - 3 * (4 + 5);
    let first_block = start..start + 1 + 5 + 9 + 10 + 5;
    assert_eq!(bytes[first_block.start], 1);
    let missing = [&bytes[..first_block.start], &bytes[first_block.end..]].concat();
    assert!(walk(&missing, 64).unwrap_err().to_string().contains("order"));
    assert!(walk(&bytes, 64).is_ok());
}

#[test]
fn table_data_that_does_not_end_as_pg_dump_ends_it_is_found_unless_it_is_compressed_or_made_of_inserts() {
    let cut = Entry {
        block: Some(vec![b"1\tx\n".to_vec()]),
        ..Entry::data("a", 1)
    };
    let inserts = Entry {
        copy: false,
        ..cut.clone()
    };
    assert!(walk(&archive(14, 0, std::slice::from_ref(&cut)), 64).is_err());
    assert_eq!(contents(&archive(14, 9, &[cut]), 64).rows(), None);
    assert_eq!(contents(&archive(14, 0, &[inserts]), 64).rows(), None);
}

#[test]
fn an_unknown_layout_is_said_to_be_unknown_and_not_called_damaged() {
    for (place, value) in [(6, 17), (6, 11), (5, 2), (8, 8), (9, 4), (10, 3)] {
        let mut bytes = example(14);
        bytes[place] = value;
        assert!(
            matches!(walk(&bytes, 64).unwrap(), Walked::UnknownLayout { .. }),
            "{place}"
        );
    }
    assert_eq!(
        walk(b"PK\x03\x04 not a dump", 64).unwrap_err().kind(),
        ErrorKind::Damaged
    );
}

#[test]
fn limits_are_checked_before_memory_is_taken() {
    let tiny = Limits {
        kept: 200,
        name: 100,
        entries: 3,
    };
    let mut walk = ArchiveWalk::new(tiny);
    assert!(
        walk.push(&example(14))
            .unwrap_err()
            .to_string()
            .contains("more entries")
    );
    let mut walk = ArchiveWalk::new(Limits { entries: 100, ..tiny });
    assert!(walk.push(&example(14)).unwrap_err().to_string().contains("limit"));
    let mut huge = example(14);
    huge[51..56].copy_from_slice(&[0, 0xff, 0xff, 0xff, 0x7f]); // length of the database's name
    assert!(
        ArchiveWalk::default()
            .push(&huge)
            .unwrap_err()
            .to_string()
            .contains("longer than the limit")
    );
}

#[test]
fn a_walk_that_failed_stays_failed() {
    let mut walk = ArchiveWalk::default();
    assert!(walk.push(b"nothing").is_err());
    assert!(walk.push(&example(14)).is_err());
    assert!(walk.finish().is_err());
}

#[tokio::test]
async fn a_checked_stream_passes_every_byte_and_then_knows_the_contents() {
    let bytes = example(15);
    let pieces: Vec<_> = bytes
        .chunks(10)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let (stream, outcome) = checked(stream::iter(pieces), Limits::default());
    assert!(outcome.get().is_none());
    let passed: Vec<u8> = stream.map(Result::unwrap).collect::<Vec<_>>().await.concat();
    assert_eq!(passed, bytes);
    assert!(matches!(outcome.get(), Some(Walked::Complete(_))));
}

#[tokio::test]
async fn a_checked_stream_ends_with_an_error_where_the_source_or_the_archive_fails() {
    let whole = Bytes::from(example(14));
    let broken = || Err(Error::new(ErrorKind::StoreFailed, "cut"));
    for (items, kind) in [
        (vec![Ok(whole.slice(..100)), broken()], ErrorKind::StoreFailed),
        (vec![Ok(whole.slice(..whole.len() - 1))], ErrorKind::Damaged),
        (vec![Ok(whole.clone()), broken()], ErrorKind::StoreFailed),
        (vec![], ErrorKind::Damaged),
    ] {
        let (stream, outcome) = checked(stream::iter(items), Limits::default());
        let seen: Vec<_> = stream.collect().await;
        assert_eq!(seen.last().unwrap().as_ref().unwrap_err().kind(), kind);
        assert!(outcome.get().is_none());
    }
}

#[tokio::test]
async fn contents_are_read_from_the_beginning_alone() {
    let bytes = example(14);
    let blocks = 100;
    let beginning = stream::iter([Ok(Bytes::copy_from_slice(&bytes[..bytes.len() - blocks]))]);
    let contents = read_contents(beginning, Limits::default()).await.unwrap().unwrap();
    assert_eq!(contents.tables.len(), 2);
}

proptest! {
    #[test]
    fn damage_is_found_alike_however_it_comes(minor in 12_u8..=16, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), piece in 1_usize..200) {
        let mut bytes = example(minor);
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        fuzz::archive(&bytes);
        fuzz::archive(&bytes[..piece.min(bytes.len())]);
    }

    #[test]
    fn noise_never_panics_and_is_never_a_complete_archive(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(walk(&noise, 64).is_err());
        fuzz::archive(&noise);
        let bytes = [&example(14)[..56], &noise].concat();
        prop_assert!(!matches!(walk(&bytes, 64), Ok(Walked::Complete(_))));
        fuzz::archive(&bytes);
    }

    #[test]
    fn random_archives_are_walked_whatever_the_pieces(rows in prop::collection::vec(0_usize..50, 0..6), piece in 1_usize..300) {
        let entries: Vec<_> = rows.iter().map(|rows| Entry::data("t", *rows)).collect();
        let walked = contents(&archive(14, 0, &entries), piece);
        let seen: Vec<_> = walked.data.iter().map(|data| data.rows.unwrap()).collect();
        prop_assert_eq!(seen, rows.iter().map(|rows| *rows as u64).collect::<Vec<_>>());
    }
}

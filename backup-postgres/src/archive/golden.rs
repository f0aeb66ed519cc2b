//! Archives that each version of `pg_dump` wrote; see `testdata/archives/content.sql`.

use super::{ArchiveWalk, Contents, DumpCompression, Walked, fuzz};
use backup_core::ErrorKind;
use proptest::prelude::*;
use std::collections::BTreeSet;

macro_rules! archives {
    ($($name:literal)*) => {
        [$(($name, include_bytes!(concat!("../../testdata/archives/", $name, ".pgdump")))),*]
    };
}

/// Name and content of each.
const ARCHIVES: [(&str, &[u8]); 11] = archives!(
    "14" "15" "16" "17" "18" "14-compressed" "15-compressed" "16-compressed" "17-compressed" "18-compressed" "18-statistics"
);

fn walk(bytes: &[u8], piece: usize) -> backup_core::Result<Contents> {
    let mut walk = ArchiveWalk::default();
    for piece in bytes.chunks(piece) {
        walk.push(piece)?;
    }
    match walk.finish()? {
        Walked::Complete(contents) => Ok(*contents),
        Walked::UnknownLayout { .. } => panic!("a layout of pg_dump is not known"),
    }
}

fn names<T: ToString>(roles: &BTreeSet<T>) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

#[test]
fn what_each_pg_dump_wrote_is_read_to_the_last_byte() {
    for (name, bytes) in ARCHIVES {
        let contents = walk(bytes, bytes.len()).unwrap();
        let major: u32 = name[..2].parse().unwrap();
        let minor = [14, 14, 15, 16, 16][major as usize - 14];
        assert_eq!(contents.header.version, (1, minor, 0), "{name}");
        let versions = (contents.header.server_major(), contents.dump_major());
        assert_eq!(versions, (Some(major), Some(major)), "{name}");
        assert_eq!(contents.unread_privileges, 0, "{name}");
        assert_eq!(names(&contents.owners), ["golden_owner"], "{name}");
        assert_eq!(names(&contents.grantees), ["golden reader"], "{name}");
        let counts =
            ["INDEX ATTACH", "VIEW", "MATERIALIZED VIEW", "TRIGGER", "POLICY"].map(|kind| contents.count(kind));
        assert_eq!(counts, [1; 5], "{name}");
        assert_eq!(contents.count("STATISTICS DATA") > 0, name == "18-statistics");
        let database = contents.database.as_ref().unwrap();
        let (create, owner) = (database.create.to_string(), database.owner.to_string());
        assert!(create.starts_with("CREATE DATABASE golden "), "{name}: {create}");
        assert_eq!(owner, "golden_owner", "{name}");
        for piece in [1, 2, 7, 4096] {
            assert_eq!(walk(bytes, piece).unwrap(), contents, "{name} in pieces of {piece}");
        }
    }
}

#[test]
fn tables_and_rows_are_those_that_were_dumped() {
    for (name, bytes) in ARCHIVES {
        let contents = walk(bytes, bytes.len()).unwrap();
        let mut tables: Vec<_> = contents.tables.iter().map(ToString::to_string).collect();
        tables.sort();
        let expected = [
            "odd.Entries of ü",
            "public.accounts",
            "public.empty",
            "public.log",
            "public.log_2026",
            "public.nothing",
            "public.wide",
        ];
        assert_eq!(tables, expected, "{name}");
        let mut rows: Vec<_> = contents
            .data
            .iter()
            .map(|data| (data.table.name.to_string(), data.rows))
            .collect();
        rows.sort_unstable();
        let counts = [
            ("Entries of ü", 40),
            ("accounts", 25),
            ("empty", 0),
            ("log_2026", 10),
            ("nothing", 1),
            ("wide", 3),
        ];
        let counted = contents.header.compression == DumpCompression::None;
        assert_eq!(counted, !name.ends_with("compressed"));
        assert_eq!(
            rows,
            counts.map(|(table, rows)| (table.to_owned(), counted.then_some(rows))),
            "{name}"
        );
        assert_eq!(contents.rows(), counted.then_some(79));
    }
}

#[test]
fn what_a_pg_dump_wrote_and_somebody_cut_or_made_longer_is_not_complete() {
    for (name, bytes) in ARCHIVES {
        let places = (0..bytes.len()).step_by(97).chain(bytes.len() - 200..bytes.len());
        for length in places {
            let error = walk(&bytes[..length], 4096).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{name} cut at {length}");
        }
        assert!(walk(&[bytes, &[0]].concat(), 4096).is_err(), "{name}");
    }
}

proptest! {
    #[test]
    fn damage_to_what_a_pg_dump_wrote_is_found_alike_however_it_comes(
        (_, archive) in prop::sample::select(&ARCHIVES[..]),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = archive.to_vec();
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        fuzz::archive(&bytes);
        fuzz::archive(&bytes[..length.index(bytes.len())]);
    }
}

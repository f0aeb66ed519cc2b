//! Files that Go's own encoders wrote (`golden/write.go`): what later versions must read too.

use super::whole::prove_whole;
use crate::snapshot::{Flaw, Limits, Member, Place, prove};

#[test]
fn what_go_deflates_and_stores_is_proven() {
    let deflated = prove_whole(include_bytes!("golden/go-deflated.snap"));
    let stored = prove_whole(include_bytes!("golden/go-stored.snap"));
    for facts in [&deflated, &stored] {
        assert_eq!((facts.index, facts.term, facts.peers.len()), (205, 3, 1));
        assert_eq!((facts.seal.shares, facts.seal.threshold), (5, 3));
        assert_eq!(
            (facts.keys.total.keys, facts.keys.by_prefix["logical/5f1b"].keys),
            (202, 200)
        );
    }
    assert_eq!(deflated.state_sha256, stored.state_sha256);
}

#[test]
fn a_snapshot_of_vault_that_ends_anywhere_before_its_end_is_found() {
    let file = include_bytes!("golden/vault-1.19.snap");
    let ends = (0..file.len())
        .step_by(211)
        .chain([file.len() - 8, file.len() - 4, file.len() - 1]);
    for end in ends {
        assert!(prove(&file[..end], 4096, Limits::default()).is_err(), "cut at {end}");
    }
}

/// Only up to the header of a `state.bin` of 9 GiB, whose size stands in an extended header.
#[test]
fn a_size_that_go_writes_into_an_extended_header_is_read() {
    let file = include_bytes!("golden/go-9GiB-headers.snap");
    let error = prove(file, 100, Limits::default()).unwrap_err();
    let place = Place::Member {
        member: Member::State,
        byte: 0,
    };
    assert_eq!((error.flaw(), error.place()), (Flaw::Cut, place));
}

/// Bytes as Vault prints them: one decimal, rounded down to it.
fn shown(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes}B"),
        _ => format!("{:.1}KB", bytes as f64 / 1024.0),
    }
}

/// `vault-1.19.snap` was taken from Vault 1.19.3, `vault-1.19.inspect.txt` is what its `vault operator raft snapshot inspect` printed.
#[test]
fn a_snapshot_of_vault_1_19_is_what_vault_itself_prints() {
    let facts = prove_whole(include_bytes!("golden/vault-1.19.snap"));
    let printed = include_str!("golden/vault-1.19.inspect.txt");
    let words: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
    let value = |name: &str| words.iter().find(|line| line.first() == Some(&name)).unwrap()[1];
    assert_eq!((value("ID"), value("Version")), (facts.id.as_str(), "1"));
    assert_eq!(value("Size"), facts.state_length.to_string());
    assert_eq!(
        (value("Index"), value("Term")),
        (&*facts.index.to_string(), &*facts.term.to_string())
    );
    let rows = words.iter().filter(|line| line.len() == 3 && line[0].contains('/'));
    let rows: Vec<_> = rows
        .map(|line| (line[0].to_owned(), line[1].to_owned(), line[2].to_owned()))
        .collect();
    let mut counted: Vec<_> = facts.keys.by_prefix.iter().collect();
    counted.sort_by_key(|(name, tally)| (std::cmp::Reverse(tally.keys), (*name).clone()));
    let counted: Vec<_> = counted
        .into_iter()
        .map(|(name, tally)| (name.clone(), tally.keys.to_string(), shown(tally.bytes)))
        .collect();
    assert_eq!(rows, counted);
    assert!(printed.trim_end().ends_with(&shown(facts.keys.total.bytes)));
    assert_eq!(
        (facts.seal.kind.as_str(), facts.seal.shares, facts.seal.threshold),
        ("shamir", 1, 1)
    );
    assert_eq!(facts.peers.len(), 1);
}

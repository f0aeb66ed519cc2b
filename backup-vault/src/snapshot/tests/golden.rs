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

//! Whatever the bytes and whatever the pieces.

use super::writer::{Packed, Snapshot, archive, gzip};
use crate::snapshot::{
    Proof, SnapshotError, SnapshotFacts,
    fuzz::{self, LIMITS},
    prove,
};
use proptest::{collection::vec, prelude::*};

/// Feeds pieces of the given sizes, in turn; checks the memory after each.
fn feed(file: &[u8], sizes: &[usize]) -> Result<SnapshotFacts, SnapshotError> {
    let mut proof = Proof::new(LIMITS);
    let mut rest = file;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at(rest.len().min(*size));
        let fed = proof.feed(piece);
        assert!(proof.held() <= LIMITS.memory());
        fed?;
        rest = later;
    }
    proof.finish()
}

fn packed() -> impl Strategy<Value = Packed> {
    prop_oneof![Just(Packed::Deflated), Just(Packed::Stored)]
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let more = vec(("[l-z]/[a-c]/[a-z]{1,12}", vec(any::<u8>(), 0..300)), 0..30);
    (packed(), any::<bool>(), any::<bool>(), more).prop_map(|(packed, state_first, pax, more)| {
        let mut snapshot = Snapshot::small(packed);
        snapshot
            .entries
            .extend(more.into_iter().map(|(key, value)| (key.into_bytes(), value)));
        snapshot.entries.sort();
        snapshot.entries.dedup_by(|left, right| left.0 == right.0);
        Snapshot {
            state_first,
            pax,
            ..snapshot
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_size_of_the_pieces_changes_nothing(
        snapshot in snapshot(),
        sizes in vec(1usize..2000, 1..20),
        damage in proptest::option::of((any::<prop::sample::Index>(), 1u8..)),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = snapshot.file();
        if let Some((place, flip)) = damage {
            let place = place.index(file.len());
            file[place] ^= flip;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let at_once = feed(&file, &[usize::MAX]);
        if damage.is_none() && cut.is_none() {
            prop_assert!(at_once.is_ok());
        }
        prop_assert_eq!(feed(&file, &sizes), at_once.clone());
        prop_assert_eq!(feed(&file, &[1]), at_once);
    }

    #[test]
    fn damage_inside_the_archive_is_placed_the_same_for_all_pieces(
        snapshot in snapshot(),
        sizes in vec(1usize..2000, 1..20),
        damage in vec((any::<prop::sample::Index>(), 1u8..), 1..4),
    ) {
        let mut bytes = snapshot.archive();
        for (place, flip) in damage {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        let file = gzip(&bytes, snapshot.packed);
        prop_assert_eq!(feed(&file, &sizes), feed(&file, &[usize::MAX]));
        fuzz::archive(&bytes);
        fuzz::snapshot(&file);
    }

    #[test]
    fn arbitrary_bytes_prove_nothing_and_take_no_more_than_the_limit(
        bytes in vec(any::<u8>(), 0..3000),
        packed in packed(),
    ) {
        let state = |state| archive(&Snapshot::small(packed).files_around(state), false);
        for file in [bytes.clone(), gzip(&bytes, packed), gzip(&state(bytes), packed)] {
            prop_assert!(feed(&file, &[usize::MAX]).is_err());
            prop_assert!(feed(&file, &[13]).is_err());
        }
    }

    #[test]
    fn arbitrary_deflate_data_proves_nothing(bytes in vec(any::<u8>(), 0..3000)) {
        let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        let file = [header.to_vec(), bytes].concat();
        prop_assert!(prove(&file, 100, LIMITS).is_err());
    }
}

//! Snapshots of a real server that end early and, as far as HTTP can tell, well.

use crate::fixture::{Kit, until};
use backup_core::ErrorKind;
use backup_tests::{Action, FaultProxy, Rule, Vault};
use flate2::read::GzDecoder;
use serde_json::json;
use std::{
    cell::RefCell, collections::HashSet, io::Read, os::unix::fs::MetadataExt, path::Path, sync::Mutex, time::Duration,
};

const SNAPSHOT: &str = "sys/storage/raft/snapshot";

/// As much of a gzip file as its first bytes give.
fn unpacked(packed: &[u8]) -> Vec<u8> {
    let (mut whole, mut piece) = (Vec::new(), [0; 512]);
    let mut decoder = GzDecoder::new(packed);
    while let Ok(count @ 1..) = decoder.read(&mut piece) {
        whole.extend_from_slice(&piece[..count]);
    }
    whole
}

/// The most bytes of a snapshot of which nothing of the sealed sums can be read.
fn before_the_sealed_sums(snapshot: &[u8]) -> usize {
    let archive = unpacked(snapshot);
    let name = b"SHA256SUMS.sealed";
    let place = archive.windows(name.len()).position(|window| window == name).unwrap();
    let (mut kept, mut too_many) = (0, snapshot.len());
    while too_many - kept > 1 {
        let middle = kept.midpoint(too_many);
        if unpacked(&snapshot[..middle]).len() <= place {
            kept = middle;
        } else {
            too_many = middle;
        }
    }
    kept
}

#[tokio::test]
async fn a_snapshot_of_a_real_server_that_ends_early_and_cleanly_is_tried_again_and_never_stored() {
    let server = Vault::ready();
    let proxy = FaultProxy::start(server.port()).await;
    let cuts = [
        ("nothing", Action::EndEarly(|_| 0)),
        ("the gzip header alone", Action::EndEarly(|_| 10)),
        ("inside state.bin", Action::EndEarly(|whole| whole.len() / 2)),
        ("before the sealed sums", Action::EndEarly(before_the_sealed_sums)),
        ("without the gzip trailer", Action::EndEarly(|whole| whole.len() - 8)),
        ("inside the gzip trailer", Action::EndEarly(|whole| whole.len() - 4)),
    ];
    for (what, cut) in cuts {
        let kit = Kit::new();
        let target = kit.target(&proxy.endpoint(), server.root_token());
        let rule = Rule::new(cut).path(SNAPSHOT);
        let hits = proxy.hits();
        proxy.add(rule.clone());
        let failed = kit.backup(&target).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::SourceFailed, "{what}: {failed:?}");
        assert!(failed.hints()[0].contains("log of its leader"), "{what}: {failed:?}");
        assert_eq!(proxy.hits(), hits + 3, "{what}");
        assert!(!kit.stored_something(), "{what}: {:?}", kit.store.keys());
        proxy.clear();
        proxy.add(rule.up_to(2));
        kit.backup(&target).await.unwrap();
        proxy.clear();
    }
}

/// What the server really sent.
static SENT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn all_but_the_end(whole: &[u8]) -> usize {
    *SENT.lock().unwrap() = whole.to_vec();
    whole.len() - 4
}

/// Files of this process in `folder`, which have no name, and what is in them.
fn spools(folder: &Path) -> Vec<Vec<u8>> {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    let of_folder = open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|file| file.starts_with(folder)));
    let gone = of_folder.filter(|fd| std::fs::metadata(fd.path()).is_ok_and(|meta| meta.nlink() == 0));
    gone.filter_map(|fd| std::fs::read(fd.path()).ok()).collect()
}

#[tokio::test]
async fn while_a_cut_snapshot_comes_in_and_after_it_the_disk_holds_nothing_of_it_in_clear() {
    let server = Vault::ready();
    server.write("sys/mounts/secret", &json!({ "type": "kv" }));
    // More than one part of 5 MiB: what waits goes to the disk in whole parts.
    for n in 0..240 {
        server.write(&format!("secret/{n}"), &json!({ "text": "x".repeat(50_000) }));
    }
    let cutting = FaultProxy::start(server.port()).await;
    cutting.add(Rule::new(Action::EndEarly(all_but_the_end)).path(SNAPSHOT));
    // So slowly that there is time to look.
    let slow = FaultProxy::start(cutting.port()).await;
    slow.add(Rule::new(Action::Slow(4 << 20)).path(SNAPSHOT));
    let kit = Kit::new();
    let mut target = kit.target(&slow.endpoint(), server.root_token());
    target.spool.memory = 0;
    let seen = RefCell::new(Vec::new());
    let look = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let found = spools(&target.spool.folder).concat();
            if found.len() > seen.borrow().len() {
                seen.replace(found);
            }
        }
    };
    let failed = tokio::select! {
        backup = kit.backup(&target) => backup.unwrap_err(),
        () = look => unreachable!("it looks on and on"),
    };
    assert_eq!(failed.kind(), ErrorKind::SourceFailed, "{failed:?}");
    assert!(!kit.stored_something());
    // A write that was under way holds the file a moment longer than the run.
    until("the end of the spool", || spools(&target.spool.folder).is_empty()).await;
    let (sent, seen) = (SENT.lock().unwrap(), seen.into_inner());
    assert!(
        sent.len() > 12_000_000 && seen.len() > 5 << 20,
        "{} {}",
        sent.len(),
        seen.len()
    );
    // One search for all of them: it is slow without optimisation.
    let needles: HashSet<_> = sent.chunks(200_000).filter_map(|piece| piece.get(..16)).collect();
    assert!(!seen.windows(16).any(|window| needles.contains(window)));
}

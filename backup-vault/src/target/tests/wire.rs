//! What happens between Vault and us: nothing but a whole snapshot is ever stored.

use super::kit::{Kit, healthy};
use crate::{
    client::tests::fake::{CHUNKED, Dead, FakeVault, SNAPSHOT, Seen, Step, chunk, chunked, error, redirect, send},
    snapshot::tests::writer::{Packed, Snapshot, archive, gzip},
};
use backup_core::ErrorKind;
use std::{cell::RefCell, os::unix::fs::MetadataExt, time::Duration};
use tokio::time::timeout;

fn whole() -> Vec<u8> {
    Snapshot::small(Packed::Stored).file()
}

fn at(file: &[u8], text: &str) -> usize {
    file.windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap()
}

/// Each is a body that ends cleanly, as Vault's does when its seal fails after the first byte.
fn cuts() -> Vec<(&'static str, Vec<u8>)> {
    let file = whole();
    let cut = |end: usize| file[..end].to_vec();
    vec![
        ("nothing", Vec::new()),
        ("the gzip header alone", cut(10)),
        ("inside state.bin", cut(at(&file, "logical/1/b"))),
        ("before the sealed sums", cut(at(&file, "SHA256SUMS.sealed"))),
        ("inside the sealed sums", cut(at(&file, "sealed sums") + 3)),
        ("without the gzip trailer", cut(file.len() - 8)),
        ("inside the gzip trailer", cut(file.len() - 4)),
    ]
}

fn with_length(bytes: &[u8]) -> Vec<Step> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
    vec![send([head.as_bytes(), bytes].concat())]
}

#[tokio::test]
async fn a_cut_snapshot_that_ends_cleanly_is_tried_again_and_never_stored() {
    for (what, bytes) in cuts() {
        for framed in [chunked(&bytes), with_length(&bytes)] {
            let kit = Kit::new(move |_| framed.clone()).await;
            let failed = kit.backup().await.unwrap_err();
            assert_eq!(failed.kind(), ErrorKind::SourceFailed, "{what}: {failed:?}");
            assert!(failed.hints()[0].contains("log of its leader"), "{what}: {failed:?}");
            assert_eq!(kit.asked(SNAPSHOT), 3, "{what}");
            assert!(!kit.stored_something(), "{what}: {:?}", kit.store.keys());
            assert_eq!(std::fs::read_dir(kit.folder.path()).unwrap().count(), 0);
        }
    }
}

#[tokio::test]
async fn a_snapshot_that_contradicts_itself_is_not_tried_again() {
    let small = Snapshot::small(Packed::Deflated);
    let missing = gzip(&archive(&small.files()[..3], false), Packed::Deflated);
    let mut wrong = small.files();
    wrong[1].1[4] ^= 1;
    let wrong = gzip(&archive(&wrong, false), Packed::Deflated);
    let more = [small.file(), vec![0]].concat();
    for bytes in [missing, wrong, more] {
        let kit = Kit::new(move |_| chunked(&bytes)).await;
        let failed = kit.backup().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::SourceFailed, "{failed:?}");
        assert_eq!(kit.asked(SNAPSHOT), 1);
        assert!(!kit.stored_something());
    }
}

#[tokio::test]
async fn a_flipped_byte_in_any_part_of_a_snapshot_keeps_it_out_of_the_store() {
    let file = whole();
    // Names in the headers first, then something inside each file: of `meta.json` a quote that is missing then, and another index.
    let headers = ["meta.json", "SHA256SUMS.sealed"];
    let contents = [r#""Index""#, r#"711,"Term"#, "logical/2", "  state.bin", "sealed sums"];
    let texts = headers.into_iter().chain(contents);
    let places = texts.map(|text| at(&file, text)).chain([5, file.len() - 6]);
    for place in places {
        let mut flipped = file.clone();
        flipped[place] ^= 4;
        let kit = Kit::new(move |_| chunked(&flipped)).await;
        // A byte of the gzip header that says nothing about the content is none of these.
        match kit.backup().await {
            Err(failed) => assert_eq!(failed.kind(), ErrorKind::SourceFailed, "{place}: {failed:?}"),
            Ok(_) => assert_eq!(place, 5, "byte {place}"),
        }
        assert_eq!(kit.stored_something(), place == 5);
    }
}

#[tokio::test]
async fn a_line_that_breaks_or_stands_still_is_tried_again_and_leaves_nothing() {
    let half = whole()[..1500].to_vec();
    let broken = [send(CHUNKED), chunk(&half), Step::Reset];
    let closed = [send(CHUNKED), chunk(&half)];
    let stalled = [send(CHUNKED), chunk(&half), Step::Hang];
    for steps in [broken.to_vec(), closed.to_vec(), stalled.to_vec(), vec![Step::Reset]] {
        let mut kit = Kit::new(move |_| steps.clone()).await;
        kit.target.settings.idle_timeout = Duration::from_secs(2);
        let failed = kit.backup().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::SourceUnreachable, "{failed:?}");
        assert_eq!(kit.asked(SNAPSHOT), 3);
        assert!(!kit.stored_something());
    }
}

#[tokio::test]
async fn a_line_that_breaks_after_more_than_the_deadline_is_tried_again() {
    let broken = |file: &[u8]| {
        let pieces = file.chunks(300).take(4);
        let drip = pieces.flat_map(|piece| [chunk(piece), Step::Wait(Duration::from_millis(300))]);
        [send(CHUNKED)].into_iter().chain(drip).chain([Step::Reset]).collect()
    };
    let mut kit = Kit::new(move |n| if n < 2 { broken(&whole()) } else { chunked(&whole()) }).await;
    // No longer than the pauses, and shorter than any of the broken transfers.
    kit.target.deadline = Duration::from_secs(1);
    kit.backup().await.unwrap();
    assert_eq!(kit.asked(SNAPSHOT), 3);
}

#[tokio::test]
async fn what_passes_is_forgotten() {
    let unmended = [
        chunked(&whole()[..1500]),
        error(500, "local node not active but active cluster node not found"),
        error(500, "nothing new to snapshot"),
        error(503, "node is not active"),
        vec![send(CHUNKED), Step::Reset],
    ];
    for first in unmended {
        let kit = Kit::new(move |n| if n < 2 { first.clone() } else { chunked(&whole()) }).await;
        let report = kit.backup().await.unwrap();
        assert_eq!(kit.asked(SNAPSHOT), 3);
        assert!(report.manifest.complete && kit.log.text().contains("try 2 of 3 failed"));
    }
}

#[tokio::test]
async fn what_does_not_pass_is_asked_for_once() {
    let cases = [
        (
            error(403, "permission denied"),
            r#""sys/storage/raft/snapshot" { capabilities = ["read"] }"#,
        ),
        (error(403, "permission denied\n\ninvalid token"), "-orphan"),
        (error(503, "Vault is sealed"), "unseal"),
        (error(400, "operation unavailable in namespaces"), "X-Vault-Namespace"),
    ];
    for (steps, hint) in cases {
        let kit = Kit::new(move |_| steps.clone()).await;
        let failed = kit.backup().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::SourceFailed, "{failed:?}");
        assert!(failed.hints()[0].contains(hint), "{failed:?}");
        assert_eq!(kit.asked(SNAPSHOT), 1);
        assert!(!kit.stored_something());
    }
}

/// A healthy server that answers a snapshot with a redirect to where `location` says.
async fn redirecting(location: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Kit {
    Kit::answering(move |seen| healthy(seen).unwrap_or_else(|| redirect(307, &location(seen)))).await
}

async fn refused(kit: &Kit, kind: ErrorKind, said: &str, tries: usize) {
    let failed = kit.backup().await.unwrap_err();
    assert_eq!(failed.kind(), kind, "{failed:?}");
    assert!(failed.to_string().contains(said), "{said}: {failed:?}");
    assert!(failed.hints()[0].contains("api_addr of its leader"), "{failed:?}");
    assert_eq!(kit.asked(SNAPSHOT), tries, "{said}");
    assert!(!kit.stored_something(), "{said}: {:?}", kit.store.keys());
}

#[tokio::test]
async fn a_redirect_in_a_circle_is_tried_three_times_and_never_stored() {
    let own = |seen: &Seen| format!("{}{SNAPSHOT}", seen.own_address());
    let kit = redirecting(own).await;
    refused(&kit, ErrorKind::SourceFailed, "in a circle (it redirects to itself)", 3).await;

    let whole_one = FakeVault::always(chunked(&whole())).await;
    let third = format!("{}{SNAPSHOT}", whole_one.address);
    let second = FakeVault::always(redirect(307, &third)).await;
    let to_second = format!("{}{SNAPSHOT}", second.address);
    let kit = redirecting(move |_| to_second.clone()).await;
    let said = format!("in a circle ({} redirects again)", second.address);
    refused(&kit, ErrorKind::SourceFailed, &said, 3).await;
    // Where the second leads is never asked, even if it has a whole one.
    assert_eq!((second.seen().len(), whole_one.seen().len()), (3, 0));
}

#[tokio::test]
async fn a_redirect_to_where_nobody_answers_is_tried_three_times_and_never_stored() {
    let dead = Dead::new();
    let location = format!("{}{SNAPSHOT}", dead.address);
    let kit = redirecting(move |_| location.clone()).await;
    let said = format!("a leader that cannot be reached from here ({})", dead.address);
    refused(&kit, ErrorKind::SourceUnreachable, &said, 3).await;
}

#[tokio::test]
async fn a_redirect_that_adds_a_query_is_refused_at_once_and_gets_no_token() {
    let other = FakeVault::always(chunked(&whole())).await;
    let location = format!("{}{SNAPSHOT}?from=standby", other.address);
    let kit = redirecting(move |_| location.clone()).await;
    refused(&kit, ErrorKind::Refused, "not followed (it adds a query)", 1).await;
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_server_that_never_has_anything_new_is_asked_three_times_and_named() {
    let kit = Kit::new(|_| error(500, "nothing new to snapshot")).await;
    let failed = kit.backup().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::SourceFailed, "{failed:?}");
    assert!(failed.to_string().contains("nothing new to snapshot yet"), "{failed:?}");
    assert!(failed.hints()[0].contains("try again in a minute"), "{failed:?}");
    assert_eq!(kit.asked(SNAPSHOT), 3);
    assert!(!kit.stored_something());
}

#[tokio::test]
async fn a_slow_server_is_waited_for_as_long_as_it_sends() {
    let drip = |_| {
        let pieces = whole();
        let mut steps = vec![send(CHUNKED)];
        for piece in pieces.chunks(pieces.len() / 10 + 1) {
            steps.extend([chunk(piece), Step::Wait(Duration::from_millis(400))]);
        }
        steps.push(send("0\r\n\r\n"));
        steps
    };
    let mut kit = Kit::new(drip).await;
    // Far more than a pause, and less than all of them.
    kit.target.settings.idle_timeout = Duration::from_secs(3);
    let report = kit.backup().await.unwrap();
    assert_eq!(report.manifest.artifacts[0].plain_length, whole().len() as u64);
}

/// Files of this process without a name in `folder`, and what is in them. One that is closed while we look is none.
fn nameless(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    let of_folder = open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|file| file.starts_with(folder)));
    let gone = of_folder.filter(|fd| std::fs::metadata(fd.path()).is_ok_and(|meta| meta.nlink() == 0));
    gone.filter_map(|fd| std::fs::read(fd.path()).ok()).collect()
}

/// Looks until `found` says so, a minute at most.
async fn until(found: impl Fn() -> bool) {
    let looked = async {
        while !found() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), looked)
        .await
        .expect("it did not happen within a minute");
}

#[tokio::test]
async fn while_a_snapshot_is_not_proven_the_disk_holds_only_ciphertext() {
    let mut large = Snapshot::small(Packed::Stored);
    large.entries[6].1 = b"planted ".repeat(2_000_000);
    // More than one part, which is what goes to the disk at once.
    let half = large.file()[..12 << 20].to_vec();
    let steps = vec![send(CHUNKED), chunk(&half), Step::Hang];
    let mut kit = Kit::new(move |_| steps.clone()).await;
    kit.target.settings.idle_timeout = Duration::from_secs(60);
    let seen = RefCell::new(Vec::new());
    let look = async {
        until(|| {
            seen.replace(nameless(kit.folder.path()).concat());
            seen.borrow().len() > 5 << 20
        })
        .await;
        kit.cx.cancel.cancel();
    };
    let (failed, ()) = tokio::join!(kit.backup(), look);
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(!seen.borrow().windows(8).any(|window| window == b"planted "));
    assert!(!kit.stored_something());
    // A write that was under way holds the file a moment longer than the run.
    until(|| nameless(kit.folder.path()).is_empty()).await;
}

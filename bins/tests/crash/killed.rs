//! `kill -9` at every durable step.

use super::kit::{DATABASE, LARGE, Place, server, walk};
use backup_tests::{Action, FaultProxy, Rule};
use std::{
    collections::HashSet,
    process::Child,
    thread::sleep,
    time::{Duration, Instant},
};

const FOREVER: Duration = Duration::from_secs(3600);

/// Kills the program as soon as `now` says so; false if it ended by itself before.
fn kill_when(mut child: Child, mut now: impl FnMut() -> bool) -> bool {
    let patience = Instant::now() + Duration::from_secs(120);
    loop {
        if now() {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(Instant::now() < patience, "the program neither ended nor got there");
        sleep(Duration::from_micros(200));
    }
}

/// The requests of one run to a store are stalled one kind after another, and the program is killed while it waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_killed_at_any_request_leaves_a_backup_or_nothing() {
    let proxy = FaultProxy::start(backup_tests::Minio::shared().port()).await;
    let place = Place::bucket(&proxy);
    let steps = [
        ("PUT", "/_pbe/probe/", 1),
        ("DELETE", "/_pbe/probe/", 1),
        ("POST", "?delete", 1),
        ("PUT", "/_pbe/repository.json", 1),
        ("PUT", "/_pbe/lease/", 1),
        ("PUT", "/_pbe/started/", 1),
        ("POST", "?uploads", 1),
        ("PUT", "partNumber=1", 1),
        ("PUT", "partNumber=2", 1),
        ("POST", "uploadId=", 1),
        ("PUT", "globals.sql", 1),
        ("GET", ".pbe", 1),
        ("GET", ".pbe", 2),
        ("PUT", "/_pbe/lease/", 2),
        ("PUT", "/_pbe/manifests/", 1),
        ("GET", "/_pbe/manifests/2", 1),
        ("PUT", "/_pbe/lease/", 3),
    ];
    let mut killed = HashSet::new();
    let mut before = 0;
    for (method, path, nth) in steps {
        let what = format!("{method} {path} {nth}");
        let hits = proxy.hits();
        proxy.add(Rule::new(Action::Stall(FOREVER)).method(method).path(path).nth(nth));
        if kill_when(place.start(&["dump", "--database", LARGE, "--jobs", "1"]), || {
            proxy.hits() > hits
        }) {
            killed.insert((path, nth));
        }
        proxy.clear();
        let shown = place.demand_whole(&what);
        assert!(
            shown == before || shown == before + 1,
            "{what}: {before} became {shown}"
        );
        before = shown;
        place.unlock();
    }
    for step in [
        "/_pbe/started/",
        "?uploads",
        "partNumber=2",
        "uploadId=",
        "/_pbe/manifests/",
    ] {
        assert!(killed.contains(&(step, 1)), "never killed at {step}: {:?}", proxy.log());
    }
    let next = place.run(&["dump", "--database", LARGE]);
    assert_eq!(next.code, 0, "{next:?}");
    assert_eq!(place.demand_whole("after all"), before + 1);
}

/// Files that were ever seen in the store, by the name that they end up with.
fn count_new(place: &Place, seen: &mut HashSet<String>) -> usize {
    walk(&place.store(), &mut |path| {
        seen.insert(path.display().to_string());
    });
    seen.len()
}

/// Each new file in the store is a step. What is left is made a day old, and a prune leaves nothing but what backups own.
#[test]
fn a_dump_to_a_folder_killed_at_any_file_leaves_a_backup_or_nothing() {
    let mut finished = false;
    let mut dead = 0;
    for step in 1..60 {
        let place = Place::folder();
        std::fs::create_dir_all(place.store().join("20250101_000000")).unwrap();
        let foreign = "20250101_000000/platform_money.pgdump";
        std::fs::write(place.store().join(foreign), "not ours").unwrap();
        let mut seen = HashSet::new();
        let child = place.start(&["dump", "--database", DATABASE]);
        let killed = kill_when(child, || count_new(&place, &mut seen) > step);
        let what = format!("killed at file {step}: {:?}", place.files());
        let shown = place.demand_whole(&what);
        place.age();
        let next = place.run(&["dump", "--database", DATABASE]);
        assert_eq!(next.code, 0, "{what}: {next:?}");
        assert_eq!(place.demand_whole(&what), shown + 1, "{what}");
        place.age();
        let pruned = place.run(&["prune", "--keep-last", "1"]);
        assert_eq!(pruned.code, 0, "{what}: {pruned:?}");
        let (id, _) = place.listed().remove(0);
        for file in place.files() {
            let known =
                file.contains(&id) || file == foreign || file == "_pbe/repository.json" || file.ends_with("/current");
            assert!(known, "{what}: {file} is left over");
        }
        assert!(place.files().iter().any(|file| file == foreign), "{what}");
        if !killed {
            finished = true;
            break;
        }
        dead += 1;
    }
    assert!(finished && dead > 5, "{dead}");
}

/// Each file that disappears is a step of a prune.
#[test]
fn a_prune_killed_at_any_file_is_made_good_by_the_next() {
    let mut finished = false;
    for step in 1..30 {
        let place = Place::folder();
        for _ in 0..2 {
            assert_eq!(place.run(&["dump", "--database", DATABASE]).code, 0);
        }
        place.age();
        let all = place.files();
        let child = place.start(&["prune", "--keep-last", "1"]);
        let gone = || all.iter().filter(|file| !place.store().join(file).exists()).count();
        let killed = kill_when(child, || gone() >= step);
        let what = format!("killed at removal {step}");
        let shown = place.demand_whole(&what);
        assert!((1..=2).contains(&shown), "{what}: {shown}");
        place.age();
        let pruned = place.run(&["prune", "--keep-last", "1"]);
        assert_eq!(pruned.code, 0, "{what}: {pruned:?}");
        assert_eq!(place.demand_whole(&what), 1, "{what}");
        let (id, _) = place.listed().remove(0);
        for file in place.files() {
            let known = file.contains(&id) || file == "_pbe/repository.json" || file.ends_with("/current");
            assert!(known, "{what}: {file} is left over");
        }
        if !killed {
            finished = true;
            break;
        }
    }
    assert!(finished);
    assert!(server().psql(DATABASE, "SELECT count(*) > 0 FROM events") == "t");
}

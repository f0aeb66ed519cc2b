//! `kill -9` at every durable step.

use super::kit::{DATABASE, Job, LARGE, Place, server, vault, walk};
use backup_tests::{Action, FaultProxy, Minio, Rule};
use std::{
    collections::HashSet,
    process::Child,
    thread::sleep,
    time::{Duration, Instant},
};

const FOREVER: Duration = Duration::from_secs(3600);
/// By default only the last six and the last of each hour stay.
const SNAPSHOT: [&str; 3] = ["snapshot", "--keep-days", "30"];

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

/// The method and a part of the path of a request, and which of those that match it.
type Step = (&'static str, &'static str, usize);

/// Runs are stalled at one request after another, and killed while they wait: each leaves a backup or nothing. Says at what they were killed.
fn killed_at_requests(place: &Place, proxy: &FaultProxy, arguments: &[&str], steps: &[Step]) -> HashSet<Step> {
    let mut killed = HashSet::new();
    let mut before = 0;
    for step in steps {
        let (method, path, nth) = *step;
        let what = format!("{step:?}");
        let hits = proxy.hits();
        proxy.add(Rule::new(Action::Stall(FOREVER)).method(method).path(path).nth(nth));
        if kill_when(place.start(arguments), || proxy.hits() > hits) {
            killed.insert(*step);
        }
        proxy.clear();
        place.demand_empty_temporary(&what);
        let shown = place.demand_whole(&what);
        assert!(
            shown == before || shown == before + 1,
            "{what}: {before} became {shown}"
        );
        before = shown;
        place.unlock();
    }
    let next = place.run(arguments);
    assert_eq!(next.code, 0, "{next:?}");
    assert_eq!(place.demand_whole("after all"), before + 1);
    killed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_killed_at_any_request_leaves_a_backup_or_nothing() {
    let proxy = FaultProxy::start(Minio::shared().port()).await;
    let place = Place::bucket(&proxy, Job::postgres(server()));
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
    let killed = killed_at_requests(&place, &proxy, &["dump", "--database", LARGE, "--jobs", "1"], &steps);
    for step in [
        ("PUT", "/_pbe/started/", 1),
        ("POST", "?uploads", 1),
        ("PUT", "partNumber=2", 1),
        ("POST", "uploadId=", 1),
        ("PUT", "/_pbe/manifests/", 1),
    ] {
        assert!(killed.contains(&step), "never killed at {step:?}: {:?}", proxy.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_killed_at_any_request_leaves_a_backup_or_nothing() {
    let proxy = FaultProxy::start(Minio::shared().port()).await;
    let place = Place::bucket(&proxy, Job::vault(vault()));
    let steps = [
        ("PUT", "/_pbe/probe/", 1),
        ("PUT", "/_pbe/repository.json", 1),
        ("PUT", "/_pbe/lease/", 1),
        ("PUT", "/_pbe/started/", 1),
        ("POST", "?uploads", 1),
        ("PUT", "partNumber=1", 1),
        ("PUT", "partNumber=3", 1),
        ("POST", "uploadId=", 1),
        // Read back, and proven once more.
        ("GET", ".snap.pbe", 1),
        ("PUT", "/_pbe/manifests/", 1),
    ];
    let killed = killed_at_requests(&place, &proxy, &SNAPSHOT, &steps);
    for step in &steps[3..] {
        assert!(killed.contains(step), "never killed at {step:?}: {:?}", proxy.log());
    }
}

/// Files that were ever seen in the store, by the name that they end up with.
fn count_new(place: &Place, seen: &mut HashSet<String>) -> usize {
    walk(&place.store(), &mut |path| {
        seen.insert(path.display().to_string());
    });
    seen.len()
}

/// Each new file in the store is a step. What is left is made a day old, and a prune leaves nothing but what backups own.
fn killed_at_files(job: impl Fn() -> Job, arguments: &[&str], foreign: &str) {
    let mut finished = false;
    let mut dead = 0;
    for step in 1..60 {
        let place = Place::folder(job());
        let file = place.store().join(foreign);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "not ours").unwrap();
        let mut seen = HashSet::new();
        let killed = kill_when(place.start(arguments), || count_new(&place, &mut seen) > step);
        // It may have come this far, and to its end, between two looks.
        let missed = !killed && count_new(&place, &mut seen) > step;
        let what = format!("killed at file {step}: {:?}", place.files());
        place.demand_empty_temporary(&what);
        let shown = place.demand_whole(&what);
        place.age();
        let next = place.run(arguments);
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
        if !killed && !missed {
            finished = true;
            break;
        }
        dead += usize::from(killed);
    }
    assert!(finished && dead > 5, "{dead}");
}

#[test]
fn a_dump_to_a_folder_killed_at_any_file_leaves_a_backup_or_nothing() {
    killed_at_files(
        || Job::postgres(server()),
        &["dump", "--database", DATABASE],
        "20250101_000000/platform_money.pgdump",
    );
}

#[test]
fn a_snapshot_to_a_folder_killed_at_any_file_leaves_a_backup_or_nothing() {
    killed_at_files(|| Job::vault(vault()), &SNAPSHOT, "20250101_000000.snap");
}

/// Each file that disappears is a step of a prune.
#[test]
fn a_prune_killed_at_any_file_is_made_good_by_the_next() {
    let mut finished = false;
    for step in 1..30 {
        let place = Place::folder(Job::postgres(server()));
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

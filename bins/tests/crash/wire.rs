//! What goes wrong between the program and its store.

use super::kit::{DATABASE, Ended, Job, LARGE, Place, server};
use backup_tests::{Action, FaultProxy, Minio, Rule, fingerprint};
use std::time::Duration;

async fn place() -> (FaultProxy, Place) {
    let proxy = FaultProxy::start(Minio::shared().port()).await;
    let place = Place::bucket(&proxy, Job::postgres(server()));
    (proxy, place)
}

fn dump(place: &Place) -> Ended {
    place.run(&["dump", "--database", LARGE, "--deadline", "20s"])
}

fn good(ended: &Ended, what: &str) {
    assert_eq!(ended.code, 0, "{what}: {ended:?}");
}

/// What goes away is waited out by dump, verify and restore.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passing_faults_are_waited_out() {
    let (proxy, place) = place().await;
    let faults = [
        ("errors", Rule::new(Action::Status(500)).up_to(3)),
        ("throttling", Rule::new(Action::Status(503)).up_to(4)),
        ("resets", Rule::new(Action::Reset).up_to(3)),
        (
            "lost answers to puts",
            Rule::new(Action::AnswerLost).method("PUT").up_to(4),
        ),
        (
            "lost answers to parts",
            Rule::new(Action::AnswerLost).method("PUT").path("partNumber").up_to(2),
        ),
        (
            "lost answer to a completion",
            Rule::new(Action::AnswerLost).method("POST").path("uploadId=").nth(1),
        ),
        (
            "lost answer to a manifest",
            Rule::new(Action::AnswerLost)
                .method("PUT")
                .path("_pbe/manifests")
                .nth(1),
        ),
        ("cut bodies", Rule::new(Action::Cut).method("GET").path(".pbe").up_to(3)),
        (
            "slow lines",
            Rule::new(Action::Slow(20_000_000)).path("partNumber").up_to(2),
        ),
    ];
    for (number, (what, rule)) in faults.into_iter().enumerate() {
        let hits = proxy.hits();
        proxy.add(rule.clone());
        good(&dump(&place), what);
        assert!(proxy.hits() > hits, "{what} never happened: {:?}", proxy.log());
        proxy.clear();
        assert_eq!(place.demand_whole(what), number + 1, "{what}");
    }
    let copy = "crash_copy";
    for rule in [
        Rule::new(Action::Status(503)).up_to(3),
        Rule::new(Action::Reset).up_to(2),
        Rule::new(Action::Cut).method("GET").path(".pbe").up_to(2),
    ] {
        proxy.add(rule.clone());
        good(&place.run(&["verify"]), "verify");
        proxy.clear();
        proxy.add(rule);
        good(
            &place.run(&["restore", LARGE, "--target-db", copy, "--create", "--confirm", copy]),
            "restore",
        );
        proxy.clear();
        assert_eq!(fingerprint(server(), copy), fingerprint(server(), LARGE));
        server().psql("postgres", &format!("DROP DATABASE {copy}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_flipped_on_the_way_to_the_store_is_never_called_saved() {
    let (proxy, place) = place().await;
    proxy.add(Rule::new(Action::FlipRequestBit).method("PUT").path("partNumber=2"));
    let ended = dump(&place);
    assert!(proxy.hits() > 0);
    assert_ne!(ended.code, 0, "{ended:?}");
    proxy.clear();
    let listed = place.listed();
    assert!(listed.iter().all(|(_, state)| state == "PARTIAL"), "{listed:?}");
    if !listed.is_empty() {
        good(&place.run(&["verify", "--all"]), "what is claimed verifies");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_flipped_on_the_way_back_is_damage_and_the_live_database_stays() {
    let (proxy, place) = place().await;
    good(&dump(&place), "dump");
    let before = fingerprint(server(), LARGE);
    let object = "crash_large.pgdump";
    for (action, code) in [(Action::FlipResponseBit, 10), (Action::Status(403), 8)] {
        proxy.add(Rule::new(action).method("GET").path(object));
        place.run(&["verify", "--no-evidence"]).says(code, &[]);
        place.run(&["restore", LARGE, "--confirm", LARGE]).says(code, &[object]);
        place
            .run(&["restore", LARGE, "--swap", "--confirm", LARGE])
            .says(code, &[object]);
        proxy.clear();
        assert_eq!(fingerprint(server(), LARGE), before);
    }
    // Only the second reading is damaged: the first one, of the whole dump, was fine.
    for nth in [1, 2] {
        proxy.add(Rule::new(Action::FlipResponseBit).method("GET").path(object).nth(nth));
        place.run(&["restore", LARGE, "--confirm", LARGE]).says(10, &[object]);
        proxy.clear();
        assert_eq!(fingerprint(server(), LARGE), before);
    }
    // A cut that never heals.
    proxy.add(Rule::new(Action::Cut).method("GET").path(object));
    let ended = place.run(&["restore", LARGE, "--confirm", LARGE, "--deadline", "5s"]);
    assert!([7, 8].contains(&ended.code), "{ended:?}");
    proxy.clear();
    assert_eq!(fingerprint(server(), LARGE), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_never_answers_ends_with_7_and_nothing_to_show() {
    let (proxy, place) = place().await;
    for path in ["_pbe/repository.json", "_pbe/started/", "_pbe/manifests/2"] {
        proxy.add(Rule::new(Action::Stall(Duration::from_secs(3600))).path(path));
        let ended = place.run(&["dump", "--database", DATABASE, "--deadline", "5s"]);
        ended.says(7, &["error:"]);
        proxy.clear();
        assert!(place.listed().is_empty(), "{path}");
        place.unlock();
    }
    good(&place.run(&["dump", "--database", DATABASE]), "afterwards");
    proxy.add(Rule::new(Action::Stall(Duration::from_secs(3600))).path(".pbe"));
    place
        .run(&["verify", "--deadline", "5s", "--no-evidence"])
        .says(7, &["error:"]);
}

/// The proxy answers as a store that is full does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_ends_with_8_and_a_way_out() {
    let (proxy, place) = place().await;
    for path in ["_pbe/started/", "partNumber=2", "_pbe/manifests/"] {
        proxy.add(Rule::new(Action::Status(507)).method("PUT").path(path));
        let ended = place.run(&["dump", "--database", LARGE, "--deadline", "5s"]);
        proxy.clear();
        assert!([6, 8].contains(&ended.code), "{path}: {ended:?}");
        assert!(ended.stderr.contains("HINT:"), "{path}: {ended:?}");
        assert!(place.listed().iter().all(|(_, state)| state == "PARTIAL"), "{path}");
        place.unlock();
    }
}

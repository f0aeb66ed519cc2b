//! One manifest that the store does not give costs nobody anything but that backup.

use crate::bed::{Bed, database};
use backup_tests::{Action, FaultProxy, Minio, Rule};

/// Three backups of a database, oldest first, behind a store that does not give the manifest of the newest.
fn without_the_newest(name: &str) -> (tokio::runtime::Runtime, Bed, [String; 3]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    let (mut bed, _) = (Bed::minio(), database(name));
    let ids = [bed.dump(name), bed.dump(name), bed.dump(name)];
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    let manifest = format!("manifests/{}.json", ids[2]);
    proxy.add(Rule::new(Action::Status(403)).method("GET").path(&manifest));
    // Kept to the end of the test.
    Box::leak(Box::new(proxy));
    (runtime, bed, ids)
}

#[test]
fn the_others_are_listed_and_restored_and_the_latest_is_not_another_one() {
    let (_runtime, bed, [oldest, middle, newest]) = without_the_newest("unread");
    let listed = bed.run(&["list"]).ends_with(8);
    listed
        .shows(&[&oldest, &middle, "UNREAD", &newest])
        .says(&["1 backups could not be looked at"]);
    let json = bed.run(&["list", "--json"]).ends_with(8).json();
    assert_eq!(json["backups"].as_array().unwrap().len(), 2);
    assert!(json["unread"][0].as_str().unwrap().contains(&newest), "{json}");

    let restore = ["restore", "unread", "--confirm", "unread"];
    bed.run(&restore).ends_with(8);
    bed.run(&[&restore[..], &["--at", &middle]].concat()).succeeds();
}

#[test]
fn damage_of_the_others_is_found_and_comes_first() {
    let (_runtime, bed, [oldest, middle, _]) = without_the_newest("unread_too");
    bed.run(&["verify", "--all"])
        .ends_with(8)
        .shows(&[&oldest, &middle, "ok"]);
    let key = format!("{oldest}/unread_too.pgdump.zst.pbe");
    bed.look().flip(&key);
    bed.run(&["verify", "--all"])
        .ends_with(10)
        .shows(&[&middle, "ok", "DAMAGED", &format!("damaged: {key}: ")]);
}

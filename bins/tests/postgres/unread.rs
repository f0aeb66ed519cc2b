//! One manifest that the store does not give costs nobody anything but that backup.

use crate::bed::{Bed, database};
use backup_tests::{Action, FaultProxy, Minio, Rule};

/// A store with a proxy before it, which runs as long as this.
struct Behind {
    proxy: FaultProxy,
    _runtime: tokio::runtime::Runtime,
}

fn behind_a_proxy(bed: &mut Bed) -> Behind {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    Behind {
        proxy,
        _runtime: runtime,
    }
}

fn manifest_of(id: &str, answer: u16) -> Rule {
    let manifest = format!("manifests/{id}.json");
    Rule::new(Action::Status(answer)).method("GET").path(&manifest)
}

/// Three backups of a database, oldest first, behind a store that does not give the manifest of the newest.
fn without_the_newest(name: &str) -> (Behind, Bed, [String; 3]) {
    let (mut bed, _) = (Bed::minio(), database(name));
    let ids = [bed.dump(name), bed.dump(name), bed.dump(name)];
    let behind = behind_a_proxy(&mut bed);
    behind.proxy.add(manifest_of(&ids[2], 403));
    (behind, bed, ids)
}

#[test]
fn the_others_are_listed_and_restored_and_the_latest_is_not_another_one() {
    let (_behind, bed, [oldest, middle, newest]) = without_the_newest("unread");
    let listed = bed.run(&["list"]).ends_with(8);
    listed
        .shows(&[&oldest, &middle, "UNREAD", &newest])
        .says(&["1 backups could not be looked at"]);
    let json = bed.run(&["list", "--json"]).ends_with(8).json();
    assert_eq!(json["backups"].as_array().unwrap().len(), 2);
    assert!(json["unread"][0].as_str().unwrap().contains(&newest), "{json}");

    let restore = ["restore", "unread", "--confirm", "unread"];
    bed.run(&restore).ends_with(8);
    let at = [&restore[..], &["--at", &middle]].concat();
    bed.run(&at).succeeds();
    let key = |id: &str| format!("{id}/unread.pgdump.zst.pbe");
    bed.look().flip(&key(&middle));
    bed.run(&at).ends_with(10).says(&[&format!("--at {oldest}")]);
    bed.look().delete(&format!("_pbe/manifests/{oldest}.json"));
    bed.run(&at)
        .ends_with(10)
        .says(&["`list` shows which others there are"]);
}

#[test]
fn damage_of_the_others_is_found_and_comes_first() {
    let (_behind, bed, [oldest, middle, newest]) = without_the_newest("unread_too");
    bed.run(&["verify", "--all"])
        .ends_with(8)
        .shows(&[&oldest, &middle, "ok", &newest, "not looked at"]);
    let key = format!("{oldest}/unread_too.pgdump.zst.pbe");
    bed.look().flip(&key);
    bed.run(&["verify", "--all"])
        .ends_with(10)
        .shows(&[
            &middle,
            "ok",
            "DAMAGED",
            &format!("damaged: {key}: "),
            &newest,
            "not looked at",
        ])
        .says(&["beside the damage", &newest]);
}

/// The manifest is read to find the backup, to look at it, and once more when damage was found.
#[test]
fn damage_of_a_backup_that_is_pruned_meanwhile_is_none_and_one_that_may_be_there_still_is_damaged() {
    let (mut bed, _) = (Bed::minio(), database("pruned_meanwhile"));
    let id = bed.dump("pruned_meanwhile");
    bed.look().flip(&format!("{id}/pruned_meanwhile.pgdump.zst.pbe"));
    let behind = behind_a_proxy(&mut bed);
    behind.proxy.add(manifest_of(&id, 404).nth(3));
    bed.run(&["verify", &id]).ends_with(9);
    behind.proxy.clear();
    assert!(!bed.run(&["list"]).succeeds().stdout.contains("FAILED"));
    behind.proxy.add(manifest_of(&id, 403).nth(3));
    bed.run(&["verify", &id])
        .ends_with(10)
        .shows(&["DAMAGED"])
        .says(&["beside the damage"]);
    behind.proxy.clear();
    bed.run(&["list"]).succeeds().shows(&["verification FAILED"]);
}

//! A bucket that the old script filled: its files are named, and stay.

use crate::bed::{Bed, database};
use backup_tests::{Action, FaultProxy, Minio, Rule};

const OLD: [&str; 4] = [
    "20240101_030000/platform_kernel.pgdump",
    "20240101_030000/platform_money.pgdump",
    "20240102_030000/platform_kernel.pgdump",
    "notes.txt",
];

fn files_of_the_old_script(bed: &Bed) {
    for key in OLD {
        bed.look().write(key, key.as_bytes().to_vec());
    }
}

fn stay_through_everything(bed: &Bed, name: &str) {
    database(name);
    files_of_the_old_script(bed);
    bed.run(&["list"])
        .succeeds()
        .shows(&["no backups"])
        .says(&["4 objects belong to no run of ours", "notes.txt"]);
    bed.dump(name);
    bed.dump(name);
    // The same folder name as one of the script's, and a file of somebody else in one of ours.
    let id = bed.dump(name);
    let stranger = format!("{id}/somebody_elses.txt");
    bed.look().write(&stranger, b"mine".to_vec());
    bed.run(&["list"])
        .succeeds()
        .says(&["5 objects belong to no run of ours"]);
    let listed = bed.run(&["list", "--json"]).succeeds().json();
    assert_eq!(listed["foreign"], 5);
    assert_eq!(listed["backups"].as_array().unwrap().len(), 3);
    bed.run(&["prune", "--keep-last", "1"]).succeeds();
    let look = bed.look();
    for key in OLD.iter().copied().chain([stranger.as_str()]) {
        assert!(look.head(key).is_some(), "{key}");
    }
    assert_eq!(look.manifests().len(), 1);
    bed.run(&["verify"]).succeeds();
}

#[test]
fn files_of_the_old_script_are_listed_as_foreign_and_never_pruned_on_minio() {
    stay_through_everything(&Bed::minio(), "foreign_minio");
}

#[test]
fn files_of_the_old_script_are_listed_as_foreign_and_never_pruned_on_seaweedfs() {
    stay_through_everything(&Bed::weed(), "foreign_weed");
}

#[test]
fn files_of_the_old_script_are_listed_as_foreign_and_never_pruned_in_a_folder() {
    stay_through_everything(&Bed::folder(), "foreign_folder");
}

#[test]
fn what_is_ours_is_listed_even_if_the_files_of_others_cannot_be() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(Minio::shared().port()));
    let (mut bed, _) = (Bed::minio(), database("ours"));
    let id = bed.dump("ours");
    bed.look().write("somebody_elses/notes.txt", b"mine".to_vec());
    bed.set("AWS_ENDPOINT_URL", &proxy.endpoint());
    proxy.add(Rule::new(Action::Status(403)).method("GET").path("somebody_elses"));
    bed.run(&["list"])
        .succeeds()
        .shows(&[&id, "COMPLETE"])
        .says(&["foreign files: could not be listed"]);
    let listed = bed.run(&["list", "--json"]).succeeds().json();
    assert_eq!(listed["backups"][0]["id"], id);
    assert!(listed["unlisted"].is_string(), "{listed}");
}

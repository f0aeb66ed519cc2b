//! `inspect` shows what was proven, and nothing of what was not.

use crate::{
    bed::{Bed, golden},
    fake::FakeVault,
};

#[test]
fn a_file_and_standard_input_are_read_without_store_key_or_server() {
    let mut bed = Bed::new();
    for name in ["BACKUP_STORE", "BACKUP_KEY_FILE"] {
        bed.set(name, "/nonexistent");
    }
    let file = bed.write("a.snap", &golden());
    let shown = ["Index     205", "shamir, 3 of 5 shares", "logical/5f1b", "TOTAL"];
    bed.run(&["inspect", &file]).succeeds().shows(&shown);
    bed.run_with(&["inspect", "-"], &golden()).succeeds().shows(&shown);
}

#[test]
fn a_pipe_with_a_name_is_a_file_that_is_read_once() {
    let (vault, plain) = (FakeVault::with(golden()), golden());
    let bed = Bed::on(&vault);
    let id = bed.snapshot();
    let sealed = std::fs::read(bed.path(&format!("store/{id}.snap.pbe"))).unwrap();
    for (name, bytes) in [("plain", plain), ("sealed", sealed)] {
        let (pipe, writer) = bed.pipe(name, bytes);
        bed.run(&["inspect", &pipe])
            .succeeds()
            .shows(&["Index     205", "TOTAL"]);
        writer.join().unwrap().unwrap();
    }
    bed.run(&["inspect", "store"]).ends_with(9);
}

#[test]
fn machines_read_the_same() {
    let bed = Bed::new();
    let file = bed.write("a.snap", &golden());
    let json = bed.run(&["inspect", "--json", &file]).succeeds().json();
    assert_eq!((&json["index"], &json["length"]), (&205.into(), &1707.into()));
    assert_eq!(json["keys"]["total"]["keys"], 202);
    assert_eq!(json["seal"]["threshold"], 3);
}

#[test]
fn a_snapshot_of_the_old_script_is_inspected_by_its_key_and_nothing_is_written() {
    let bed = Bed::new();
    bed.write("store/20240101_030000.snap", &golden());
    let before = bed.files();
    bed.run(&["inspect", "20240101_030000.snap"])
        .succeeds()
        .shows(&["From      20240101_030000.snap"])
        .says(&["no known key vouches for it"]);
    assert_eq!(bed.files(), before);
}

#[test]
fn a_cut_is_damage_unless_only_the_trailer_is_gone_and_that_is_allowed() {
    let bed = Bed::new();
    let whole = golden();
    let trailer = bed.write("trailer.snap", &whole[..whole.len() - 4]);
    bed.run(&["inspect", &trailer])
        .ends_with(10)
        .says(&["--lenient-trailer"]);
    bed.run(&["inspect", "--lenient-trailer", &trailer])
        .succeeds()
        .shows(&["Trailer   CUT"]);
    let half = bed.write("half.snap", &whole[..whole.len() / 2]);
    let output = bed.run(&["inspect", "--lenient-trailer", &half]).ends_with(10);
    assert_eq!(output.stdout, "");
}

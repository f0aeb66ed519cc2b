//! A sealed object that was copied from the bucket, and the key file: nothing else is at hand.

use crate::{
    bed::{Bed, golden},
    fake::{CLUSTER, FakeVault},
};
use std::path::Path;

/// The sealed object of a backup as a local file, and a program that has no store.
fn downloaded() -> (FakeVault, Bed, String) {
    let vault = FakeVault::with(golden());
    let mut bed = Bed::on(&vault);
    let id = bed.snapshot();
    let sealed = std::fs::read(bed.path(&format!("store/{id}.snap.pbe"))).unwrap();
    std::fs::remove_dir_all(bed.path("store")).unwrap();
    bed.unset("BACKUP_STORE");
    let file = bed.write(&format!("{id}.snap.pbe"), &sealed);
    (vault, bed, file)
}

fn changed(bed: &Bed, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    bed.write("changed.pbe", &bytes)
}

#[test]
fn it_is_inspected_with_the_key_alone_and_its_own_header_says_which_backup_it_is() {
    let (_vault, bed, file) = downloaded();
    let id = Path::new(&file)
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .replace(".snap.pbe", "");
    let claim = format!("by its own header {id}.snap, sealed at ");
    let shown = ["Index     205", "TOTAL"];
    bed.run(&["inspect", &file])
        .succeeds()
        .shows(&shown)
        .says(&["no manifest vouches", &claim]);
    // Whatever it is called.
    let renamed = bed.write("latest", &std::fs::read(&file).unwrap());
    bed.run(&["inspect", &renamed]).succeeds().shows(&shown).says(&[&claim]);
    let sealed = std::fs::read(&file).unwrap();
    bed.run_with(&["inspect", "-"], &sealed).succeeds().shows(&shown);
}

#[test]
fn it_is_restored_byte_for_byte_as_a_file_and_from_standard_input() {
    let (vault, bed, file) = downloaded();
    let sealed = std::fs::read(&file).unwrap();
    bed.run(&["restore", &file, "--dry-run"])
        .succeeds()
        .shows(&["202 keys", &file])
        .says(&["no manifest vouches for which backup it is"]);
    for (from, said) in [(file.as_str(), "no manifest vouches"), ("-", "it has no manifest")] {
        vault.change(|state| (state.sealed, state.restored) = (false, None));
        bed.run_with(&["restore", from, "--force", "--confirm", CLUSTER], &sealed)
            .succeeds()
            .says(&[said]);
        assert_eq!(vault.state().restored, Some(golden()), "{from}");
    }
}

#[test]
fn without_its_key_it_stays_closed_with_13() {
    let (vault, mut bed, file) = downloaded();
    let other = Bed::new();
    let sealed = std::fs::read(&file).unwrap();
    for arguments in [
        &["inspect", &file][..],
        &["inspect", "-"],
        &["restore", &file, "--force", "--confirm", CLUSTER],
        &["restore", "-", "--force", "--confirm", CLUSTER],
    ] {
        for key in [None, Some(other.path("backup.key"))] {
            bed.unset("BACKUP_KEY_FILE");
            if let Some(key) = key {
                bed.set("BACKUP_KEY_FILE", &key);
            }
            bed.run_with(arguments, &sealed).ends_with(13).says(&["HINT: "]);
        }
    }
    assert!(vault.state().restored.is_none());
}

#[test]
fn a_flipped_byte_or_a_cut_is_damage_and_the_server_is_not_touched() {
    let (vault, bed, file) = downloaded();
    let length = std::fs::read(&file).unwrap().len();
    let flip = |place: usize| changed(&bed, &file, |bytes| bytes[place] ^= 1);
    let cut = |length: usize| changed(&bed, &file, |bytes| bytes.truncate(length));
    let check = |file: &str| {
        for arguments in [
            &["inspect", file][..],
            &["restore", file, "--force", "--confirm", CLUSTER],
        ] {
            let output = bed.run(arguments).ends_with(10);
            assert_eq!(output.stdout, "");
        }
        let bytes = std::fs::read(file).unwrap();
        bed.run_with(&["inspect", "-"], &bytes).ends_with(10);
    };
    for place in [700, length / 2, length - 1] {
        check(&flip(place));
    }
    for end in [20, 700, length / 2, length - 1] {
        check(&cut(end));
    }
    bed.run(&["inspect", &cut(length / 2)])
        .ends_with(10)
        .says(&["HINT: copy it again, and compare its length"]);
    assert!(vault.state().restored.is_none());
}

#[test]
fn what_is_no_sealed_snapshot_is_refused_with_what_it_is() {
    let (vault, bed, _) = downloaded();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/1/20260422_170000/globals.sql.pbe");
    let postgres = golden.to_str().unwrap();
    let name = bed.write("plain.snap.pbe", b"sealed");
    for (file, code, said) in [
        (postgres, 11, "globals.sql of postgres"),
        (postgres, 11, "HINT: `backup-postgres` restores it"),
        (&name, 10, "this is not a sealed object"),
    ] {
        bed.run(&["inspect", file]).ends_with(code).says(&[said]);
        bed.run(&["restore", file, "--force", "--confirm", CLUSTER])
            .ends_with(code)
            .says(&[said]);
    }
    assert!(vault.state().restored.is_none());
}

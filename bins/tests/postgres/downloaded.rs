//! A sealed object that was copied from the bucket, and the key file: nothing else is at hand.

use crate::bed::{Bed, database};
use backup_tests::fingerprint;

/// What `key` holds in the store, as a local file; the program has no store from now on.
fn downloaded(bed: &mut Bed, key: &str) -> String {
    let file = bed.path(key.rsplit('/').next().unwrap());
    std::fs::copy(bed.path(&format!("store/{key}")), &file).unwrap();
    std::fs::remove_dir_all(bed.path("store")).unwrap();
    bed.unset("BACKUP_STORE");
    file
}

#[test]
fn a_downloaded_dump_is_restored_with_the_key_alone_and_a_changed_one_is_not() {
    let (mut bed, server) = (Bed::folder(), database("downloaded"));
    let id = bed.dump("downloaded");
    let before = fingerprint(server, "downloaded");
    let file = downloaded(&mut bed, &format!("{id}/downloaded.pgdump.zst.pbe"));
    server.psql("downloaded", "DELETE FROM entries");
    let emptied = fingerprint(server, "downloaded");

    let line = |file: &str| ["restore", "downloaded", file, "--confirm", "downloaded"].map(str::to_owned);
    let run = |bed: &Bed, file: &str| bed.run(&line(file).each_ref().map(String::as_str));
    let sealed = std::fs::read(&file).unwrap();
    let mut flipped = sealed.clone();
    flipped[sealed.len() / 2] ^= 1;
    for bytes in [&flipped[..], &sealed[..sealed.len() / 2], &sealed[..sealed.len() - 1]] {
        let changed = bed.path("changed.pbe");
        std::fs::write(&changed, bytes).unwrap();
        run(&bed, &changed).ends_with(10).says(&["HINT: copy it again"]);
    }
    let own = bed.key_file();
    let other = bed.new_key("other.key");
    bed.set("BACKUP_KEY_FILE", &other);
    run(&bed, &file).ends_with(13);
    assert_eq!(fingerprint(server, "downloaded"), emptied);

    bed.set("BACKUP_KEY_FILE", own.to_str().unwrap());
    let claim =
        format!("no manifest vouches for which backup it is: by its own header {id}/downloaded.pgdump, sealed at ");
    run(&bed, &file).succeeds().says(&[&claim]);
    assert_eq!(fingerprint(server, "downloaded"), before);
}

#[test]
fn one_object_of_several_is_refused_with_what_it_is() {
    let bed = Bed::folder();
    database("not_overwritten");
    let golden = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/golden/1/20260422_170000/platform_money.pgdump.zst.pbe.0002"
    );
    bed.run(&["restore", "not_overwritten", golden, "--confirm", "not_overwritten"])
        .ends_with(11)
        .says(&["one object of several", "platform_money.pgdump.0002", "--at ID"]);
}

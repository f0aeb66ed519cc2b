//! A store that is a folder, with things in it that nobody expects there.

use crate::bed::{Bed, database};
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::symlink},
    path::Path,
    process::Command,
};

#[test]
fn strange_names_pipes_and_links_in_a_folder_stop_nothing_and_lead_nowhere() {
    let (bed, _) = (Bed::folder(), database("strange_dir"));
    let store = bed.path("store");
    let secret = bed.path("outside");
    fs::write(&secret, "outside of the store").unwrap();
    fs::create_dir_all(Path::new(&store).join("_pbe/manifests")).unwrap();
    for name in [&b"a\nb"[..], b"\xff\xfe", b"dir\x07", b"a b"] {
        fs::write(Path::new(&store).join(OsStr::from_bytes(name)), "x").unwrap();
    }
    symlink(&secret, format!("{store}/link")).unwrap();
    symlink(bed.path(""), format!("{store}/up")).unwrap();
    symlink("loop", format!("{store}/loop")).unwrap();
    for pipe in ["pipe", "_pbe/manifests/20200101_000000.json"] {
        let made = Command::new("mkfifo").arg(format!("{store}/{pipe}")).status();
        assert!(made.unwrap().success());
    }
    let id = bed.dump("strange_dir");
    let listed = bed.run(&["list"]).succeeds();
    assert!(
        listed.stdout.contains(&id) && listed.stderr.contains("4 objects belong to no run of ours"),
        "{listed:?}"
    );
    bed.run(&["verify"]).succeeds();
    bed.run(&["restore", "strange_dir", "--confirm", "strange_dir"])
        .succeeds();
    bed.run(&["prune", "--keep-last", "1"]).succeeds();
    bed.run(&["check", "--database", "strange_dir"]);
    for key in ["link", "up/outside", "pipe", "loop"] {
        let read = bed.admin(&["cat", key]);
        assert_ne!(read.code, Some(0), "{key}");
        assert!(!read.stdout.contains("outside of the store"), "{key}");
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "outside of the store");
    // For this user alone, whatever the mask was.
    let manifest = format!("{store}/_pbe/manifests/{id}.json");
    let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&manifest), mode(&format!("{store}/{id}"))), (0o600, 0o700));
}

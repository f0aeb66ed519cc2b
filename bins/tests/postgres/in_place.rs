//! A restore onto a database that is there: what it would take away, and a database that was prepared for it.

use crate::bed::{Bed, database};
use backup_tests::fingerprint;

#[test]
fn what_a_restore_in_place_would_break_is_refused_with_11_by_the_dry_run_too_and_the_hint_helps() {
    let (bed, server) = (Bed::minio(), database("not_broken"));
    bed.dump("not_broken");
    server.psql(
        "not_broken",
        "DELETE FROM entries; CREATE VIEW later AS SELECT * FROM accounts",
    );
    let before = fingerprint(server, "not_broken");
    for last in [&["--dry-run"][..], &["--confirm", "not_broken"]] {
        bed.run(&[&["restore", "not_broken"], last].concat())
            .ends_with(11)
            .says(&["view public.later", "HINT: ", "--swap"]);
        assert_eq!(fingerprint(server, "not_broken"), before);
    }
    server.psql("not_broken", "DROP VIEW later");
    bed.run(&["restore", "not_broken", "--confirm", "not_broken"])
        .succeeds();
    assert_eq!(server.psql("not_broken", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn a_prepared_database_is_filled_once_and_only_if_it_is_empty() {
    let (bed, server) = (Bed::minio(), database("to_be_prepared"));
    bed.dump("to_be_prepared");
    let restore = [
        "restore",
        "to_be_prepared",
        "--into-prepared",
        "--target-db",
        "prepared_for_it",
    ];
    let dry_run = [&restore[..], &["--dry-run"]].concat();
    let confirmed = [&restore[..], &["--confirm", "prepared_for_it"]].concat();
    bed.run(&dry_run).ends_with(9);
    server.psql("postgres", "CREATE DATABASE prepared_for_it TEMPLATE template0");
    bed.run(&dry_run)
        .succeeds()
        .shows(&["the prepared database would be filled"]);
    bed.run(&confirmed).succeeds();
    assert_eq!(server.psql("prepared_for_it", "SELECT count(*) FROM entries"), "900");
    for arguments in [&dry_run, &confirmed] {
        bed.run(arguments)
            .ends_with(11)
            .says(&["table public.accounts", "HINT: "]);
    }
}

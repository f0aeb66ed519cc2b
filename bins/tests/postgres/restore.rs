//! A restore does all of what was asked, or nothing.

use crate::bed::{Bed, database};
use backup_tests::fingerprint;

#[test]
fn a_restore_that_fails_in_the_server_leaves_the_database_as_it_was() {
    let (bed, server) = (Bed::minio(), database("rolled_back"));
    bed.dump("rolled_back");
    // A view on a table that the dump drops: the server refuses, in the middle.
    server.psql(
        "rolled_back",
        "DELETE FROM entries; CREATE VIEW later AS SELECT * FROM accounts",
    );
    let before = fingerprint(server, "rolled_back");
    bed.run(&["restore", "rolled_back", "--confirm", "rolled_back"])
        .ends_with(6)
        .says(&["later", "HINT: "]);
    assert_eq!(fingerprint(server, "rolled_back"), before);
    bed.run(&["restore", "rolled_back", "--swap", "--confirm", "rolled_back"])
        .succeeds();
    assert_eq!(server.psql("rolled_back", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn a_dry_run_of_a_restore_changes_nothing() {
    let (bed, server) = (Bed::minio(), database("only_planned"));
    let id = bed.dump("only_planned");
    server.psql("only_planned", "DELETE FROM entries");
    bed.run(&["restore", "only_planned", "--confirm", "only_planned", "--dry-run"])
        .succeeds()
        .shows(&[&id]);
    assert_eq!(server.psql("only_planned", "SELECT count(*) FROM entries"), "0");
}

#[test]
fn a_role_that_the_server_lacks_is_named_before_anything_is_touched() {
    let (bed, server) = (Bed::minio(), database("orphaned"));
    server.psql("postgres", "CREATE ROLE tenant_47");
    server.psql("orphaned", "ALTER TABLE entries OWNER TO tenant_47");
    bed.dump("orphaned");
    server.psql(
        "orphaned",
        "ALTER TABLE entries OWNER TO kernel; DELETE FROM entries; DROP ROLE tenant_47",
    );
    bed.run(&["restore", "orphaned", "--confirm", "orphaned"])
        .ends_with(11)
        .says(&["tenant_47", "restore --globals"]);
    assert_eq!(server.psql("orphaned", "SELECT count(*) FROM entries"), "0");
    bed.run(&["restore", "--globals", "--confirm", "127.0.0.1"]).succeeds();
    bed.run(&["restore", "orphaned", "--confirm", "orphaned"]).succeeds();
    assert_eq!(server.psql("orphaned", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn a_database_with_an_odd_name_goes_there_and_back() {
    let (bed, server) = (Bed::minio(), database("plain"));
    let odd = "Zahlungen/ü 100%";
    server.psql("postgres", &format!("CREATE DATABASE \"{odd}\" TEMPLATE plain"));
    let before = fingerprint(server, odd);
    let id = bed.dump(odd);
    assert!(
        bed.look()
            .data()
            .contains(&format!("{id}/Zahlungen%2F%C3%BC%20100%25.pgdump.zst.pbe")),
        "{:?}",
        bed.look().data()
    );
    server.psql("postgres", &format!("DROP DATABASE \"{odd}\""));
    bed.run(&["restore", odd, "--create", "--confirm", odd]).succeeds();
    assert_eq!(fingerprint(server, odd), before);
}

#[test]
fn all_takes_every_database_but_those_left_out() {
    let (bed, server) = (Bed::minio(), database("everything_a"));
    database("everything_b");
    let others = server.psql(
        "postgres",
        "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> 'everything_b'",
    );
    let mut arguments = vec!["--all", "--dry-run"];
    for other in others.lines() {
        arguments.extend(["--exclude", other]);
    }
    let output = bed.run(&arguments).succeeds();
    assert!(
        output.stdout.contains("would back up everything_b\n"),
        "{}",
        output.stdout
    );
    assert!(!output.stdout.contains("everything_a"), "{}", output.stdout);
}

//! A restore does all of what was asked, or nothing.

use crate::bed::{Bed, database};
use backup_tests::fingerprint;

#[test]
fn a_restore_that_fails_in_the_server_leaves_the_database_as_it_was() {
    let (bed, server) = (Bed::minio(), database("rolled_back"));
    bed.dump("rolled_back");
    // A view on a table that the dump drops would go with it: refused before anything is touched.
    server.psql(
        "rolled_back",
        "DELETE FROM entries; CREATE VIEW later AS SELECT * FROM accounts",
    );
    let before = fingerprint(server, "rolled_back");
    bed.run(&["restore", "rolled_back", "--confirm", "rolled_back"])
        .ends_with(11)
        .says(&["later", "HINT: "]);
    assert_eq!(fingerprint(server, "rolled_back"), before);
    // What nobody can foresee: the server refuses, in the middle.
    server.psql(
        "rolled_back",
        "DROP VIEW later;
        CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
        CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse()",
    );
    let before = fingerprint(server, "rolled_back");
    bed.run(&["restore", "rolled_back", "--confirm", "rolled_back"])
        .ends_with(6)
        .says(&["not today"]);
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
    server.psql("only_planned", "CREATE TABLE later (x int)");
    let object = format!("{id}/only_planned.pgdump.zst.pbe");
    bed.run(&["restore", "only_planned", "--dry-run"]).succeeds().shows(&[
        &format!("would restore only_planned from backup {id}, "),
        " old, s3://",
        &object,
        "tables that would be replaced: public.accounts, public.entries",
        "tables that would stay: public.later",
        "locks: about ",
    ]);
    let planned = bed
        .run(&["restore", "only_planned", "--dry-run", "--json"])
        .succeeds()
        .json();
    assert_eq!((&planned["tables"], &planned["way"]), (&2.into(), &"in place".into()));
    for arguments in [
        &["restore", "only_planned", "--swap", "--dry-run"][..],
        &[
            "restore",
            "only_planned",
            "--create",
            "--target-db",
            "planned_new",
            "--dry-run",
        ],
    ] {
        bed.run(arguments).succeeds().shows(&[&id]);
    }
    assert_eq!(server.psql("only_planned", "SELECT count(*) FROM entries"), "0");
    assert_eq!(
        server.psql(
            "postgres",
            "SELECT count(*) FROM pg_database WHERE datname ~ '^(only_planned_|planned_new)'"
        ),
        "0"
    );
}

#[test]
fn a_schema_version_that_cannot_be_read_after_an_exchange_is_a_finding_and_no_failure() {
    let (bed, server) = (Bed::minio(), database("unversioned"));
    server.psql("unversioned", "CREATE TABLE goose_db_version (not_gooses_own int)");
    bed.dump("unversioned");
    server.psql("unversioned", "DELETE FROM entries");
    bed.run(&["restore", "unversioned", "--swap", "--confirm", "unversioned"])
        .succeeds()
        .says(&["the schema version cannot be read"])
        .shows(&["the old database is kept as unversioned__before_", "none now"]);
    assert_eq!(server.psql("unversioned", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn names_that_an_earlier_exchange_took_are_refused_before_anything_is_touched_and_check_shows_them() {
    let (bed, server) = (Bed::minio(), database("twice"));
    let id = bed.dump("twice");
    let swap = ["restore", "twice", "--swap", "--confirm", "twice"];
    bed.run(&swap).succeeds();
    server.psql("twice", "DELETE FROM entries");
    let kept = format!("twice__before_{id}");
    bed.run(&swap)
        .ends_with(11)
        .says(&[&kept, "is still there", &format!("DROP DATABASE \"{kept}\"")]);
    assert_eq!(server.psql("twice", "SELECT count(*) FROM entries"), "0");
    bed.run(&["check", "--database", "twice"]).shows(&[
        &kept,
        "a restore with --swap kept it",
        "kernel may read all of it",
    ]);
    server.psql("postgres", &format!("DROP DATABASE \"{kept}\""));
    bed.run(&swap).succeeds();
    assert_eq!(server.psql("twice", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn a_dry_run_of_a_restore_is_refused_for_what_the_restore_would_be_refused_for() {
    let (bed, server) = (Bed::minio(), database("planned_in_vain"));
    server.psql("postgres", "CREATE ROLE tenant_48");
    server.psql("planned_in_vain", "GRANT SELECT ON entries TO tenant_48");
    bed.dump("planned_in_vain");
    bed.run(&["restore", "planned_in_vain", "--create", "--dry-run"])
        .ends_with(11)
        .says(&["exists already"]);
    bed.run(&["restore", "planned_in_vain", "--target-db", "nowhere", "--dry-run"])
        .ends_with(9);
    bed.run(&["restore", "planned_in_vain", "--dry-run", "--confirm", "another"])
        .ends_with(11);
    server.psql(
        "planned_in_vain",
        "REVOKE ALL ON entries FROM tenant_48; DROP ROLE tenant_48",
    );
    for arguments in [
        &["restore", "planned_in_vain", "--dry-run"][..],
        &["restore", "planned_in_vain", "--swap", "--confirm", "planned_in_vain"],
    ] {
        bed.run(arguments)
            .ends_with(11)
            .says(&["tenant_48", "restore --globals"]);
    }
}

#[test]
fn strict_restores_end_with_12_when_something_is_to_be_looked_at() {
    let (bed, server) = (Bed::minio(), database("strictly"));
    bed.dump("strictly");
    let file = bed.path("strictly.pgdump");
    let key = bed
        .look()
        .data()
        .into_iter()
        .find(|key| key.contains("strictly"))
        .unwrap();
    bed.save(&key, &file);
    bed.run(&["restore", "strictly", "--confirm", "strictly", "--strict"])
        .succeeds();
    server.psql("strictly", "DELETE FROM entries");
    bed.run(&["restore", "strictly", &file, "--confirm", "strictly", "--strict"])
        .ends_with(12)
        .says(&["the restore is complete, and there are findings", "no manifest"])
        .shows(&["restored strictly"]);
    assert_eq!(server.psql("strictly", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn globals_make_what_is_missing_leave_alone_what_is_there_and_overwrite_it_only_when_asked() {
    let (bed, server) = (Bed::minio(), database("with_roles"));
    server.psql(
        "postgres",
        "CREATE ROLE gone_49 LOGIN; CREATE ROLE stays_49 NOLOGIN; GRANT stays_49 TO gone_49",
    );
    let id = bed.dump("with_roles");
    let file = bed.path("globals.sql");
    bed.save(&format!("{id}/globals.sql.zst.pbe"), &file);
    server.psql("postgres", "DROP ROLE gone_49; ALTER ROLE stays_49 LOGIN");
    let login = "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'stays_49'";
    let member = "SELECT count(*) FROM pg_roles WHERE pg_has_role(oid, 'stays_49', 'MEMBER') AND rolname = 'gone_49'";
    bed.run(&["restore", "--globals", "--dry-run"]).succeeds().shows(&[
        "would be made: gone_49\n",
        "left alone: ",
        "stays_49",
    ]);
    assert_eq!(server.psql("postgres", member), "0");
    for from in [&file[..], &format!("{id}/globals.sql.zst.pbe")] {
        bed.run(&["restore", "--globals", from, "--confirm", "127.0.0.1"])
            .succeeds()
            .shows(&["made: gone_49\n", "stays_49", "(--globals-overwrite changes them)"]);
        assert_eq!(
            (server.psql("postgres", login), server.psql("postgres", member)),
            ("t".into(), "1".into())
        );
        server.psql("postgres", "DROP ROLE gone_49");
    }
    bed.run(&["restore", "--globals", "--globals-overwrite", "--confirm", "127.0.0.1"])
        .succeeds()
        .shows(&["made: gone_49\n", "brought up to date: "]);
    assert_eq!(server.psql("postgres", login), "f");
}

#[test]
fn a_restore_that_waits_for_a_lock_gives_up_and_names_who_holds_it() {
    let (bed, server) = (Bed::minio(), database("held"));
    bed.dump("held");
    server.psql("held", "DELETE FROM entries");
    let lock = crate::signals::TableLock::take(server, "held", "accounts");
    bed.run(&["restore", "held", "--confirm", "held", "--lock-wait", "1s"])
        .ends_with(6)
        .says(&[
            "waited 1 seconds for a lock that session ",
            "user kernel",
            "pg_terminate_backend(",
        ]);
    drop(lock);
    assert_eq!(server.psql("held", "SELECT count(*) FROM entries"), "0");
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

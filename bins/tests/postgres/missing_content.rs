//! What a dump does not hold is said when it is made, by `list`, and before it is restored.

use crate::bed::{Bed, Output, database};
use backup_tests::Postgres;

const SAID: &str = "subscriptions not dumped";

/// A server on which a role that is no superuser may read everything in `name`.
fn reader(name: &str) -> (Bed, Postgres) {
    let server = Postgres::start();
    server.psql("postgres", &format!("CREATE DATABASE {name}"));
    let role = format!(
        "CREATE ROLE reader LOGIN PASSWORD '{}' IN ROLE pg_read_all_data",
        Postgres::PASSWORD
    );
    server.psql("postgres", &role);
    let feed = "CREATE TABLE t (x int); CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false)";
    server.psql(name, feed);
    let mut bed = Bed::folder();
    bed.server(&server);
    (bed, server)
}

#[test]
fn what_pg_dump_leaves_out_with_a_word_is_in_the_manifest_and_said_before_a_restore() {
    let (mut bed, server) = reader("subscribed");
    bed.set("PGUSER", "reader");
    let dumped = bed
        .run(&["dump", "--json", "--strict", "--database", "subscribed"])
        .ends_with(12);
    let findings = |output: &Output| output.json()["findings"].to_string();
    assert!(findings(&dumped).contains(SAID), "{dumped:?}");
    bed.run(&["list"]).succeeds().shows(&["COMPLETE", "subscribed: ", SAID]);
    let listed = bed.run(&["list", "--json"]).succeeds().json();
    assert!(listed["backups"][0]["findings"].to_string().contains(SAID), "{listed}");

    bed.server(&server);
    let copy = ["restore", "subscribed", "--create", "--target-db", "copy"];
    bed.run(&[&copy[..], &["--dry-run", "--strict"]].concat())
        .ends_with(12)
        .says(&["found when it was backed up", SAID]);
    bed.run(&[&copy[..], &["--confirm", "copy"]].concat())
        .succeeds()
        .says(&[SAID]);
}

#[test]
fn rows_that_only_the_primary_has_are_said_by_a_dump_of_its_standby_and_before_they_are_lost() {
    let primary = Postgres::start();
    primary.psql("postgres", "CREATE DATABASE followed");
    let tables = "CREATE UNLOGGED TABLE sessions (id int); INSERT INTO sessions SELECT generate_series(1, 500);
        CREATE TABLE kept AS SELECT 1 AS x";
    primary.psql("followed", tables);
    let standby = primary.start_standby();
    let mut bed = Bed::folder();
    bed.server(&standby);
    let said = ["the rows of 1 unlogged tables are not in the dump", "public.sessions"];
    let dump = ["dump", "--strict", "--database", "followed"];
    bed.run(&dump).ends_with(12).says(&said);
    bed.run(&["list"]).succeeds().shows(&["the rows of 1 unlogged tables"]);
    bed.server(&primary);
    bed.run(&["restore", "followed", "--dry-run"]).succeeds().says(&said);
    bed.run(&["restore", "followed", "--confirm", "followed", "--strict"])
        .ends_with(12)
        .says(&said);
    assert_eq!(primary.psql("followed", "SELECT count(*) FROM sessions"), "0");
    bed.run(&dump).succeeds();
}

#[test]
fn databases_that_all_leaves_out_are_named_by_the_dump_and_by_check() {
    let server = Postgres::start();
    let latin1 = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
    for statement in [
        "CREATE DATABASE wanted",
        "CREATE DATABASE closed ALLOW_CONNECTIONS false",
        "CREATE DATABASE pattern IS_TEMPLATE true",
        "CREATE DATABASE unwanted IS_TEMPLATE true",
        &format!("CREATE DATABASE latin {latin1}"),
        // As a DROP DATABASE leaves it that is interrupted.
        "CREATE DATABASE half",
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'",
    ] {
        server.psql("postgres", statement);
    }
    // Stored in the bytes of the database that the session is in.
    server.psql("latin", &format!("\\encoding UTF8\nCREATE DATABASE \"größe\" {latin1}"));
    let mut bed = Bed::folder();
    bed.server(&server);
    let all = ["--all", "--exclude", "unwanted", "--strict"];
    let named = [
        "closed",
        "it allows no connections",
        "pattern",
        "it is marked as a template",
        "half",
        "it is half dropped",
        r"gr\xF6\xDFe",
        "its name is no UTF-8",
    ];
    let dumped = bed.run(&[&["dump"][..], &all].concat()).ends_with(12).says(&named);
    assert!(!dumped.stderr.contains("unwanted"), "{dumped:?}");
    bed.run(&[&["check"][..], &all[..3]].concat()).shows(&named);
    bed.run(&["list"]).succeeds().shows(&["COMPLETE", "4 findings"]);
    for database in ["wanted", "latin"] {
        bed.run(&["restore", database, "--confirm", database]).succeeds();
    }
    // What was named is all that was asked for.
    bed.run(&["dump", "--strict", "--database", "pattern"]).succeeds();
}

#[test]
fn what_was_made_later_and_rights_that_differ_are_told_by_a_restore_in_place() {
    let (bed, server) = (Bed::folder(), database("told"));
    bed.dump("told");
    let later = "CREATE TABLE new (x int); CREATE FUNCTION added(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE counted;
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor; ALTER DATABASE told CONNECTION LIMIT 7; REVOKE TEMPORARY ON DATABASE told FROM PUBLIC";
    server.psql("told", later);
    bed.run(&["restore", "told", "--dry-run"]).succeeds().shows(&[
        "tables that would stay: public.new\n",
        "what else would stay: function public.added(integer), sequence public.counted\n",
    ]);
    let restored = bed
        .run(&["restore", "told", "--confirm", "told"])
        .succeeds()
        .says(&[
            "WARN told: rights on the database itself are not those of the backup: now GRANT CONNECT ON DATABASE \"told\" TO PUBLIC, now REVOKE ",
            "a restore in place leaves the database itself as it is",
        ])
        .shows(&[
            "also made after the backup, and still there: function public.added(integer), sequence public.counted\n",
            "rights: 1 are NOT as in the backup\n",
        ]);
    assert!(!restored.stderr.contains("ON TABLE"), "{restored:?}");
    assert_eq!(
        server.psql("told", "SELECT has_table_privilege('pg_monitor', 'accounts', 'SELECT')"),
        "f"
    );
    server.psql("told", "GRANT TEMPORARY ON DATABASE told TO PUBLIC");
    let restored = bed
        .run(&["restore", "told", "--confirm", "told", "--json"])
        .succeeds()
        .json();
    assert_eq!(
        (&restored["rights_that_differ"], &restored["survived_too"][0]),
        (&0.into(), &"function public.added(integer)".into())
    );
}

//! The data is the same in every run, and a fingerprint tells a restored database from a damaged one.

use std::process::{Command, Stdio};

use backup_tests::{Postgres, SeededData, fingerprint, load_big_table};

#[test]
fn all_eight_databases_are_filled_and_a_dump_restores_to_the_same_fingerprint() {
    let postgres = Postgres::start();
    SeededData::small().load(&postgres);
    for database in SeededData::DATABASES {
        let before = fingerprint(&postgres, database);
        assert!(before.contains("rows public.goose_db_version 12 "), "{before}");
        dump_and_restore(&postgres, database, "restored");
        assert_eq!(before, fingerprint(&postgres, "restored"), "{database}");
        postgres.psql("postgres", "DROP DATABASE restored");
    }
}

fn dump_and_restore(postgres: &Postgres, from: &str, to: &str) {
    postgres.psql("postgres", &format!("CREATE DATABASE {to}"));
    let mut dump = Command::new(format!("{}/pg_dump", Postgres::BINARIES))
        .args(["-Fc", "-Z0", from])
        .envs(postgres.environment())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pg_dump runs");
    let restore = Command::new(format!("{}/pg_restore", Postgres::BINARIES))
        .args(["--exit-on-error", "-d", to])
        .envs(postgres.environment())
        .stdin(dump.stdout.take().expect("stdout is piped"))
        .status();
    assert!(dump.wait().expect("pg_dump ends").success());
    assert!(restore.expect("pg_restore runs").success());
}

#[test]
fn two_servers_get_the_same_data() {
    let (one, other) = (Postgres::shared(), Postgres::start());
    for like in ["platform_money", "platform_files"] {
        let database = format!("same_{like}");
        SeededData::small().load_one(one, like, &database);
        SeededData::small().load_one(&other, like, &database);
        assert_eq!(fingerprint(one, &database), fingerprint(&other, &database));
    }
}

#[test]
fn the_ledger_balances() {
    let postgres = Postgres::shared();
    SeededData::small().load_one(postgres, "platform_money", "ledger");
    assert_eq!(
        postgres.psql("ledger", "SELECT sum(amount), count(*) > 100 FROM ledger"),
        "0.00|t"
    );
}

#[test]
fn a_fingerprint_sees_every_kind_of_change() {
    let postgres = Postgres::shared();
    SeededData::small().load_one(postgres, "platform_files", "changed");
    let changes = [
        "UPDATE files SET content = set_byte(content, 3, (get_byte(content, 3) + 1) % 256) WHERE id = 7",
        "DELETE FROM files WHERE id = 8",
        "SELECT nextval('files_id_seq')",
        "SELECT lo_put(700002, 200, '\\x01')",
        "DROP INDEX files_folder",
        "ALTER TABLE files ADD note text",
        "CREATE OR REPLACE VIEW file_sizes AS SELECT folder_id, count(*) AS files, 0::bigint AS bytes FROM files GROUP BY folder_id",
        "ALTER FUNCTION path_of(int) STRICT",
        "REVOKE SELECT ON files FROM platform_reader",
        "ALTER TABLE archives DROP CONSTRAINT archives_pkey",
        "COMMENT ON TABLE files IS 'changed'",
    ];
    for change in changes {
        let before = fingerprint(postgres, "changed");
        postgres.psql("changed", change);
        assert_ne!(before, fingerprint(postgres, "changed"), "{change}");
    }
}

#[test]
fn a_fingerprint_does_not_depend_on_the_order_of_rows_on_disk() {
    let postgres = Postgres::shared();
    SeededData::small().load_one(postgres, "platform_notify", "reordered");
    let before = fingerprint(postgres, "reordered");
    postgres.psql(
        "reordered",
        "UPDATE notifications SET read_at = read_at WHERE id % 3 = 1; VACUUM FULL notifications",
    );
    assert_eq!(before, fingerprint(postgres, "reordered"));
}

#[test]
fn the_big_table_has_about_the_size_asked_for() {
    let postgres = Postgres::shared();
    load_big_table(postgres, "big", 4_000_000);
    let copied = postgres.psql("big", "COPY events TO STDOUT").len();
    assert!((3_800_000..4_200_000).contains(&copied), "{copied}");
}

//! The whole job on each kind of store: back up, list, verify, lose a database, restore it, compare.

use crate::bed::Bed;
use backup_tests::{Postgres, SeededData, fingerprint};

const MONEY: &str = "platform_money";
const CLOSING: &str = "Restore complete. Run goose migrations to verify schema:\n";

#[test]
fn eight_databases_are_backed_up_verified_lost_and_restored_on_minio() {
    job(Bed::minio());
}

#[test]
fn eight_databases_are_backed_up_verified_lost_and_restored_on_seaweedfs() {
    job(Bed::weed());
}

#[test]
fn eight_databases_are_backed_up_verified_lost_and_restored_in_a_folder() {
    job(Bed::folder());
}

fn job(mut bed: Bed) {
    let server = Postgres::start();
    SeededData::small().load(&server);
    server.psql(
        "postgres",
        "CREATE ROLE night_shift LOGIN PASSWORD 'x' CONNECTION LIMIT 3",
    );
    bed.server(&server);
    let before = fingerprint(&server, MONEY);

    back_up(&bed);
    list_and_verify(&bed);
    lost_and_created_again(&bed, &server, &before);
    changed_and_restored_in_place(&bed, &server, &before);
    swapped(&bed, &server, &before);
    under_another_name(&bed, &server, &before);
    roles(&bed, &server);
}

fn back_up(bed: &Bed) {
    let output = bed.run(&[]).succeeds();
    for database in SeededData::DATABASES {
        let line = format!("Backing up {database}...");
        assert_eq!(
            output.stdout.lines().filter(|shown| *shown == line).count(),
            1,
            "{line}: {}",
            output.stdout
        );
    }
    let last = output.stdout.lines().last().unwrap();
    let id = last
        .strip_prefix(&format!("PostgreSQL backup complete: {}/", bed.store))
        .unwrap();
    let (data, extension) = (bed.look().data(), "pgdump.zst.pbe");
    let mut expected: Vec<_> = SeededData::DATABASES
        .iter()
        .map(|name| format!("{id}/{name}.{extension}"))
        .collect();
    expected.push(format!("{id}/globals.sql.zst.pbe"));
    expected.sort();
    assert_eq!(data, expected);
}

fn list_and_verify(bed: &Bed) {
    let listed = bed.run(&["list"]).succeeds();
    let lines: Vec<_> = listed.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", listed.stdout);
    assert!(
        lines[1].contains("COMPLETE") && lines[1].contains("sealed") && lines[1].contains(" 9 "),
        "{}",
        lines[1]
    );
    assert!(!listed.stdout.contains("unauthenticated"), "{}", listed.stdout);
    let verified = bed.run(&["verify"]).succeeds();
    assert!(
        verified.stdout.lines().last().unwrap().ends_with("ok"),
        "{}",
        verified.stdout
    );
    bed.run(&["list"]).succeeds().shows(&["verified 20"]);
}

fn lost_and_created_again(bed: &Bed, server: &Postgres, before: &str) {
    server.psql("postgres", &format!("DROP DATABASE {MONEY}"));
    let restored = bed.run(&["restore", MONEY, "--create", "--confirm", MONEY]).succeeds();
    assert_eq!(fingerprint(server, MONEY), before);
    assert!(
        restored
            .stdout
            .ends_with(&format!("{CLOSING}docker exec platform-migrate-money /migrate up\n")),
        "{}",
        restored.stdout
    );
    assert!(restored.stdout.contains("schema version: "), "{}", restored.stdout);
}

fn changed_and_restored_in_place(bed: &Bed, server: &Postgres, before: &str) {
    server.psql(
        MONEY,
        "DO $$ DECLARE t regclass; BEGIN
           FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
             EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', t);
             EXECUTE format('DELETE FROM %s', t);
           END LOOP; END $$;
         CREATE TABLE made_later (x int); INSERT INTO made_later VALUES (47);",
    );
    let restored = bed.run(&["restore", MONEY, "--confirm", MONEY]).succeeds();
    let survived = "tables made after the backup are still there: public.made_later\n";
    assert!(restored.stdout.contains(survived), "{}", restored.stdout);
    assert_eq!(server.psql(MONEY, "SELECT x FROM made_later"), "47");
    server.psql(MONEY, "DROP TABLE made_later");
    assert_eq!(fingerprint(server, MONEY), before);
}

fn swapped(bed: &Bed, server: &Postgres, before: &str) {
    server.psql(MONEY, "CREATE TABLE only_in_the_old_one (x int)");
    let old = fingerprint(server, MONEY);
    let restored = bed
        .run(&["restore", MONEY, "--swap", "--confirm", MONEY, "--json"])
        .succeeds();
    let kept = restored.json()["kept"].as_str().unwrap().to_owned();
    assert_eq!(fingerprint(server, MONEY), before);
    assert_eq!(fingerprint(server, &kept), old);
}

fn under_another_name(bed: &Bed, server: &Postgres, before: &str) {
    let drill = "money_drill";
    bed.run(&["restore", MONEY, "--target-db", drill, "--create", "--confirm", MONEY])
        .ends_with(11)
        .says(&["--confirm money_drill"]);
    bed.run(&["restore", MONEY, "--target-db", drill, "--create", "--confirm", drill])
        .succeeds()
        .shows(&[CLOSING]);
    assert_eq!(fingerprint(server, drill), before);
    assert_eq!(fingerprint(server, MONEY), before);
}

fn roles(bed: &Bed, server: &Postgres) {
    server.psql("postgres", "DROP ROLE night_shift");
    bed.run(&["restore", "--globals"])
        .ends_with(11)
        .says(&["--confirm 127.0.0.1"]);
    bed.run(&["restore", "--globals", "--confirm", "127.0.0.1"])
        .succeeds()
        .shows(&["made: night_shift\n"]);
    let limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'night_shift'";
    assert_eq!(server.psql("postgres", limit), "3");
}

//! Two servers that back up into one store are never restored from each other by mistake.

use crate::bed::{Bed, database};
use backup_tests::Postgres;

/// Another server, in the place of the bed's own.
fn another(bed: &mut Bed) -> Postgres {
    let server = Postgres::start();
    bed.server(&server);
    server
}

#[test]
fn a_backup_of_another_server_is_restored_only_where_that_is_said() {
    let (mut bed, _) = (Bed::minio(), database("other_srv"));
    let theirs = bed.dump("other_srv");
    let server = another(&mut bed);
    server.psql("postgres", "CREATE DATABASE other_srv TEMPLATE template0");
    server.psql("other_srv", "CREATE TABLE entries (id int)");
    let ways: [&[&str]; 4] = [
        &["other_srv", "--confirm", "other_srv"],
        &["other_srv", "--dry-run"],
        &["other_srv", "--at", &theirs, "--swap", "--confirm", "other_srv"],
        &["--globals", "--confirm", "127.0.0.1"],
    ];
    for way in ways {
        bed.run(&[&["restore"], way].concat())
            .ends_with(11)
            .says(&["--allow-other-server", "HINT: "]);
    }
    assert_eq!(server.psql("other_srv", "SELECT count(*) FROM entries"), "0");
    bed.run(&["restore", "other_srv", "--allow-other-server", "--confirm", "other_srv"])
        .succeeds()
        .says(&["is of another server"])
        .shows(&[&format!("restored other_srv from backup {theirs}")]);
    assert_eq!(server.psql("other_srv", "SELECT count(*) FROM entries"), "900");
}

#[test]
fn the_latest_is_that_of_the_server_itself_and_the_others_are_said() {
    let (mut bed, own) = (Bed::minio(), database("two_srv"));
    let ours = bed.dump("two_srv");
    let server = another(&mut bed);
    server.psql("postgres", "CREATE DATABASE two_srv TEMPLATE template0");
    server.psql("two_srv", "CREATE TABLE entries (id int)");
    let theirs = bed.dump("two_srv");
    let listed = bed.run(&["list"]).succeeds();
    let identifier = |server: &Postgres| server.psql("postgres", "SELECT system_identifier FROM pg_control_system()");
    for server in [own, &server] {
        let identifier = identifier(server);
        let short = format!("…{}", &identifier[identifier.len() - 8..]);
        assert!(listed.stdout.contains(&short), "{}", listed.stdout);
    }
    bed.run(&["restore", "two_srv", "--confirm", "two_srv"])
        .succeeds()
        .says(&[&format!("the newest is {ours}")])
        .shows(&[&format!("restored two_srv from backup {theirs}")]);
    bed.run(&["restore", "two_srv", "--allow-other-server", "--confirm", "two_srv"])
        .ends_with(11)
        .says(&["backups of several servers", &ours, &theirs]);
    bed.server(own);
    bed.run(&["restore", "two_srv", "--confirm", "two_srv"])
        .succeeds()
        .shows(&[&format!("restored two_srv from backup {ours}")]);
}

#[test]
fn a_repository_document_that_was_replaced_or_lost_is_refused_and_made_anew() {
    let (bed, _) = (Bed::minio(), database("replaced"));
    bed.dump("replaced");
    let (document, look) = ("_pbe/repository.json", bed.look());
    let good = look.read(document);
    let forged = String::from_utf8(good.clone()).unwrap();
    let unsigned = format!("{}\n", forged.split(" ed25519=").next().unwrap());
    let reading = [
        &["list"][..],
        &["verify"],
        &["restore", "replaced", "--confirm", "replaced"],
    ];
    let writing = [&["--database", "replaced"][..], &["prune", "--keep-last", "1"]];
    for (damage, writes, reads) in [(Some(unsigned), 11, 0), (None, 10, 10)] {
        match damage {
            Some(bytes) => look.write(document, bytes.into_bytes()),
            None => look.delete(document),
        }
        for (verbs, code) in [(&reading[..], reads), (&writing, writes)] {
            for verb in verbs {
                bed.run(verb)
                    .ends_with(code)
                    .says(&["`backup-admin repository restore`"]);
            }
        }
        bed.admin(&["repository", "restore"]).succeeds().shows(&["again"]);
        bed.admin(&["repository", "restore"]).succeeds().shows(&["is good"]);
        bed.run(&["verify"]).succeeds();
    }
    bed.dump("replaced");
}

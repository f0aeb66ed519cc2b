//! Names are bytes in the encoding of a database, and go there and back as bytes.

use crate::{
    fixture::{dump_as, id, pieces, settings, tools},
    target::{context, request, target},
};
use backup_postgres::{
    Session,
    check::check_databases,
    dump::{Compression, globals_stream, roles_readable},
    restore::{Existing, GlobalsPlan},
    server_facts,
    target::{RestoreReport, Way},
};
use backup_tests::Postgres;
use bytes::Bytes;
use futures::StreamExt;
use std::process::Command;

/// An encoding, a word that it can write and ASCII cannot, and the word's bytes.
struct Encoding {
    name: &'static str,
    word: &'static str,
    bytes: &'static [u8],
}

const LATIN1: Encoding = Encoding {
    name: "LATIN1",
    word: "größe",
    bytes: b"gr\xf6\xdfe",
};
const OTHERS: [Encoding; 3] = [
    Encoding {
        name: "WIN1252",
        word: "€œuvre",
        bytes: b"\x80\x9cuvre",
    },
    Encoding {
        name: "EUC_JP",
        word: "残高",
        bytes: b"\xbb\xc4\xb9\xe2",
    },
    // Nobody can tell what these bytes mean, and they are no UTF-8.
    Encoding {
        name: "SQL_ASCII",
        word: "gr\\xF6\\xDFe",
        bytes: b"gr\xf6\xdfe",
    },
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs `script` with the bytes of `word` in the place of each `WORD`.
fn run(server: &Postgres, database: &str, script: &str, word: &[u8]) {
    let parts: Vec<String> = script.split("WORD").map(|part| hex(part.as_bytes())).collect();
    let sql = parts.join(&hex(word));
    server.psql(
        database,
        &format!("DO $$ BEGIN EXECUTE convert_from('\\x{sql}', getdatabaseencoding()); END $$"),
    );
}

const CONTENT: &str = "CREATE SCHEMA \"schema WORD\";
    CREATE TABLE \"WORD\" (id int PRIMARY KEY, \"column WORD\" text DEFAULT 'WORD');
    INSERT INTO \"WORD\" (id) SELECT generate_series(1, 50);
    CREATE TABLE \"schema WORD\".\"WORD\" (id int REFERENCES \"WORD\");
    CREATE TYPE \"type WORD\" AS ENUM ('WORD');
    CREATE VIEW \"view WORD\" AS SELECT \"column WORD\" FROM \"WORD\";
    CREATE FUNCTION \"f WORD\"(\"type WORD\") RETURNS text LANGUAGE sql AS 'SELECT ''WORD''';
    COMMENT ON TABLE \"WORD\" IS 'WORD';
    CREATE ROLE \"role WORD\"; GRANT SELECT ON \"WORD\" TO \"role WORD\"; ALTER TABLE \"schema WORD\".\"WORD\" OWNER TO \"role WORD\"";

/// What belongs to the database itself. Its own name is ASCII: a program gives it in UTF-8.
fn database_properties(name: &str) -> String {
    format!(
        "ALTER DATABASE {name} SET our.word TO 'WORD'; COMMENT ON DATABASE {name} IS 'WORD';
        GRANT TEMPORARY ON DATABASE {name} TO \"role WORD\"; ALTER DATABASE {name} OWNER TO \"role WORD\""
    )
}

fn prepared(server: &Postgres, encoding: &Encoding) -> String {
    let name = format!("in_{}", encoding.name.to_lowercase());
    let options = format!(
        "TEMPLATE template0 ENCODING '{}' LC_COLLATE 'C' LC_CTYPE 'C'",
        encoding.name
    );
    server.psql("postgres", &format!("CREATE DATABASE {name} {options}"));
    run(server, &name, CONTENT, encoding.bytes);
    run(server, &name, &database_properties(&name), encoding.bytes);
    name
}

/// All of a database as `pg_dump` writes it.
fn text(server: &Postgres, database: &str) -> Vec<Vec<u8>> {
    let output = Command::new(format!("{}/pg_dump", Postgres::BINARIES))
        .args(["--create", database])
        .envs(server.environment())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.starts_with(b"\\restrict") && !line.starts_with(b"\\unrestrict"))
        .map(<[u8]>::to_vec)
        .collect()
}

async fn restore(server: &Postgres, bytes: &Bytes, database: &str, way: Way) -> RestoreReport {
    target(server)
        .restore(&context(), &request(database, database, way), || pieces(bytes).boxed())
        .await
        .map_err(|error| format!("{way:?} of {database}: {}", error.chain()))
        .unwrap()
}

async fn goes_there_and_back(server: &Postgres, encoding: &Encoding) {
    let name = prepared(server, encoding);
    let before = text(server, &name);
    let session = Session::connect(&settings(server), "postgres").await.unwrap();
    let findings = check_databases(&settings(server), &session, std::slice::from_ref(&name))
        .await
        .unwrap();
    assert!(findings[0].message.contains("may read all of it"), "{findings:?}");
    let bytes = dump_as(server, &name, Compression::None, encoding.name).await;

    run(server, &name, "CREATE TABLE \"later WORD\" (x int)", encoding.bytes);
    let report = restore(server, &bytes, &name, Way::InPlace).await;
    assert_eq!(report.survived, [format!("public.later {}", encoding.word)]);
    run(server, &name, "DROP TABLE \"later WORD\"", encoding.bytes);
    assert!(text(server, &name) == before, "{name} in place");

    restore(server, &bytes, &name, Way::Swap).await;
    assert!(text(server, &name) == before, "{name} exchanged");

    let drop = format!(
        "DROP DATABASE {name} WITH (FORCE); DROP DATABASE {name}__before_{} WITH (FORCE)",
        id()
    );
    server.psql("postgres", &drop);
    restore(server, &bytes, &name, Way::Create).await;
    assert!(text(server, &name) == before, "{name} created");
}

#[tokio::test]
async fn a_latin1_database_goes_there_and_back_in_all_three_ways() {
    goes_there_and_back(&Postgres::start(), &LATIN1).await;
}

#[tokio::test]
async fn a_dump_in_another_encoding_than_its_database_goes_back_in_all_three_ways() {
    let server = Postgres::start();
    let name = prepared(&server, &LATIN1);
    let before = text(&server, &name);
    let bytes = dump_as(&server, &name, Compression::None, "UTF8").await;
    for way in [Way::InPlace, Way::Swap, Way::Create] {
        if way == Way::Create {
            server.psql("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
        } else {
            let later = "ALTER DEFAULT PRIVILEGES FOR ROLE \"role WORD\" GRANT SELECT ON TABLES TO PUBLIC";
            run(&server, &name, later, LATIN1.bytes);
        }
        let report = restore(&server, &bytes, &name, way).await;
        assert!(report.survived.is_empty(), "{way:?}: {report:?}");
        assert!(text(&server, &name) == before, "{way:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_latin1_as_a_whole_has_its_databases_there_and_back() {
    let server = Postgres::start();
    let latin1 = "DROP DATABASE postgres WITH (FORCE); CREATE DATABASE postgres TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
    server.psql("template1", latin1);
    goes_there_and_back(&server, &LATIN1).await;
}

#[tokio::test]
async fn databases_of_other_encodings_go_there_and_back_in_all_three_ways() {
    let server = Postgres::start();
    for encoding in &OTHERS {
        goes_there_and_back(&server, encoding).await;
    }
}

#[tokio::test]
async fn roles_whose_names_are_no_utf8_are_missed_before_a_restore_and_come_back_with_the_others() {
    let server = Postgres::start();
    let name = prepared(&server, &LATIN1);
    let before = text(&server, &name);
    run(
        &server,
        &name,
        "CREATE ROLE plain_one; GRANT \"role WORD\" TO plain_one; ALTER ROLE \"role WORD\" LOGIN CONNECTION LIMIT 7",
        LATIN1.bytes,
    );
    let roles =
        "SELECT string_agg(rolname || rolcanlogin || rolconnlimit, ' ') FROM pg_authid WHERE rolname LIKE 'role %'";
    let described = server.psql(&name, roles);
    let bytes = dump_as(&server, &name, Compression::None, LATIN1.name).await;
    let globals: Bytes = globals(&server).await;
    server.psql("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
    server.psql(
        "template1",
        "CREATE DATABASE scratch TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
    );
    run(
        &server,
        "scratch",
        "DROP ROLE \"role WORD\"; DROP ROLE plain_one",
        LATIN1.bytes,
    );

    let create = request(&name, &name, Way::Create);
    let refused = target(&server)
        .restore(&context(), &create, || pieces(&bytes).boxed())
        .await
        .unwrap_err();
    assert!(refused.chain().contains(r"no role role gr\xF6\xDFe"), "{refused:?}");
    for existing in [Existing::LeaveAlone, Existing::Overwrite] {
        let plan = GlobalsPlan::new(&settings(&server), pieces(&globals), existing)
            .await
            .unwrap();
        let restored = plan.run().await.unwrap();
        assert!(restored.left_out.is_empty(), "{restored:?}");
    }
    assert_eq!(
        server.psql(
            "scratch",
            "SELECT count(*) FROM pg_database WHERE datname LIKE 'platform_backup%'"
        ),
        "0"
    );
    target(&server)
        .restore(&context(), &create, || pieces(&bytes).boxed())
        .await
        .unwrap();
    assert!(text(&server, &name) == before);
    assert_eq!(server.psql(&name, roles), described);
    let member = "SELECT pg_has_role('plain_one', oid, 'MEMBER') FROM pg_roles WHERE rolname LIKE 'role %'";
    assert_eq!(server.psql(&name, member), "t");
}

async fn globals(server: &Postgres) -> Bytes {
    let settings = settings(server);
    let session = Session::connect(&settings, "postgres").await.unwrap();
    let facts = server_facts(&session).await.unwrap();
    let settings = roles_readable(&session, &settings).await.unwrap();
    let dump = globals_stream(&settings, &tools().await, &facts).unwrap();
    let pieces: Vec<Bytes> = dump.stream.map(Result::unwrap).collect().await;
    pieces.concat().into()
}

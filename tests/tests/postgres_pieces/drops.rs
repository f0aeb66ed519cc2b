//! A restore in place drops what it replaces, whatever that is; what it would take along is refused before anything is touched.

use crate::{
    fixture::{database, dump, pieces, settings, target as raw_target, tools},
    rights::{dump_of_version, of_version, restore},
    target::{context, request, target},
};
use backup_core::{Error, ErrorKind};
use backup_postgres::{
    PgDump, Secret, ServerSettings,
    dump::Compression,
    restore::restore_in_place,
    target::{RestoreReport, Way},
};
use backup_tests::{Postgres, PostgresOptions, fingerprint, until};
use bytes::Bytes;
use futures::StreamExt;

/// Partitions of partitions, keys to and from them, constraints that children have from their parents and by themselves.
const PARTITIONED: &str = "
    CREATE SCHEMA parts;
    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TABLE account (id int PRIMARY KEY, note text);
    CREATE TABLE entry (id int, day date, account int REFERENCES account, amount int CHECK (amount > 0), PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE parts.entry_1 PARTITION OF entry FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE parts.\"Entry 2\" PARTITION OF entry FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY HASH (id);
    CREATE TABLE parts.entry_2a PARTITION OF parts.\"Entry 2\" FOR VALUES WITH (modulus 2, remainder 0);
    CREATE TABLE parts.entry_2b PARTITION OF parts.\"Entry 2\" FOR VALUES WITH (modulus 2, remainder 1);
    CREATE TABLE entry_rest PARTITION OF entry DEFAULT;
    CREATE INDEX by_amount ON entry (amount); CREATE UNIQUE INDEX once ON entry (day, id);
    CREATE TRIGGER stamp BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION stamp();
    CREATE TABLE remark (id int, entry int, day date, FOREIGN KEY (entry, day) REFERENCES entry, PRIMARY KEY (id));
    CREATE TABLE parent (id int CONSTRAINT positive CHECK (id > 0));
    CREATE TABLE child (more text, CONSTRAINT positive CHECK (id > 0)) INHERITS (parent);
    ALTER TABLE parent ADD CONSTRAINT late CHECK (id < 1000) NOT VALID; 
    INSERT INTO account SELECT n FROM generate_series(1, 20) n;
    INSERT INTO entry SELECT n, date '2026-01-15' + n, 1 + n % 20, n FROM generate_series(1, 60) n;
    INSERT INTO remark SELECT n, n, date '2026-01-15' + n FROM generate_series(1, 30) n;
    INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 'x')";

async fn refused(target: &PgDump, bytes: &Bytes, name: &str) -> Error {
    let request = request(name, name, Way::InPlace);
    let cx = context();
    let planned = target.plan_restore(&cx, &request, pieces(bytes).boxed()).await;
    let restored = Box::pin(target.restore(&cx, &request, || pieces(bytes).boxed())).await;
    let (planned, restored) = (planned.map(drop).unwrap_err(), restored.map(drop).unwrap_err());
    assert_eq!(planned.kind(), ErrorKind::Refused, "{planned:?}");
    assert_eq!(planned.to_string(), restored.to_string());
    restored
}

fn said(report: &RestoreReport) -> String {
    report
        .findings
        .iter()
        .map(|finding| format!("{}\n", finding.message))
        .collect()
}

#[tokio::test]
async fn partitions_and_children_are_replaced_in_every_version() {
    for version in Postgres::VERSIONS {
        let server = Postgres::shared_version(version);
        database(server, "partitioned", PARTITIONED);
        let bytes = dump_of_version(server, "partitioned").await;
        // Some names of constraints move to another schema, in every restore.
        let request = request("partitioned_new", "partitioned", Way::Create);
        let fresh = of_version(server)
            .restore(&context(), &request, || pieces(&bytes).boxed())
            .await;
        fresh.map(drop).unwrap();
        let before = fingerprint(server, "partitioned_new");
        server.psql(
            "partitioned",
            "DELETE FROM remark; DELETE FROM entry; DROP TABLE parts.entry_1 CASCADE; UPDATE child SET more = 'y'",
        );
        restore(&of_version(server), &bytes, "partitioned", Way::InPlace).await;
        assert_eq!(fingerprint(server, "partitioned"), before, "{version}");
    }
    // It is not unhooked for nothing: pg_restore alone cannot do it.
    let server = Postgres::shared();
    let bytes = dump(server, "partitioned", Compression::None).await;
    let (settings, tools) = (settings(server), tools().await);
    let alone = restore_in_place(raw_target(&settings, &tools, "partitioned"), pieces(&bytes)).await;
    assert!(alone.map(drop).unwrap_err().chain().contains("inherited constraint"));
}

#[tokio::test]
async fn what_was_made_later_and_would_be_dropped_along_is_refused_and_the_hint_helps() {
    let server = Postgres::shared();
    database(server, "monthly", PARTITIONED);
    let bytes = dump(server, "monthly", Compression::None).await;
    for (made, lost, undo) in [
        (
            "CREATE TABLE parts.entry_3 PARTITION OF entry FOR VALUES FROM ('2027-03-01') TO ('2027-04-01'); INSERT INTO entry VALUES (1, '2027-03-01', 1, 1)",
            "table parts.entry_3",
            "ALTER TABLE entry DETACH PARTITION parts.entry_3; ALTER TABLE parts.entry_3 DROP CONSTRAINT entry_account_fkey",
        ),
        (
            "CREATE TABLE later_child () INHERITS (parent)",
            "table public.later_child",
            "ALTER TABLE later_child NO INHERIT parent",
        ),
        (
            "CREATE VIEW later_view AS SELECT * FROM remark",
            "view public.later_view",
            "DROP VIEW later_view",
        ),
        (
            "CREATE TABLE later_key (id int REFERENCES account)",
            "public.later_key",
            "DROP TABLE later_key",
        ),
    ] {
        server.psql("monthly", made);
        let before = fingerprint(server, "monthly");
        let error = refused(&target(server), &bytes, "monthly").await;
        assert!(error.to_string().contains(lost), "{error}");
        assert!(error.hints()[0].contains("--swap"), "{error:?}");
        assert_eq!(fingerprint(server, "monthly"), before);
        server.psql("monthly", undo);
        restore(&target(server), &bytes, "monthly", Way::InPlace).await;
    }
    assert_eq!(server.psql("monthly", "SELECT count(*) FROM parts.entry_3"), "1");
}

#[tokio::test]
async fn a_schema_with_something_of_later_in_it_stays_and_so_does_what_is_in_it() {
    let server = Postgres::shared();
    database(
        server,
        "schema_stays",
        "CREATE SCHEMA \"Odd one\"; CREATE TABLE \"Odd one\".t AS SELECT 1 AS x",
    );
    let bytes = dump(server, "schema_stays", Compression::None).await;
    server.psql(
        "schema_stays",
        "DELETE FROM \"Odd one\".t; CREATE TABLE \"Odd one\".later AS SELECT 2 AS x",
    );
    let report = restore(&target(server), &bytes, "schema_stays", Way::InPlace).await;
    assert!(
        said(&report).contains("schema Odd one is left as it is"),
        "{}",
        said(&report)
    );
    let rows = "SELECT (SELECT x FROM \"Odd one\".t) || ' ' || (SELECT x FROM \"Odd one\".later)";
    assert_eq!(server.psql("schema_stays", rows), "1 2");
}

#[tokio::test]
async fn what_somebody_dropped_comes_back_whatever_it_was() {
    let server = Postgres::shared();
    let script = "CREATE SCHEMA gone; CREATE TYPE gone.mood AS ENUM ('good'); CREATE DOMAIN gone.d AS int CHECK (value > 0);
        CREATE FUNCTION gone.f(gone.mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE TABLE gone.t (id serial PRIMARY KEY, m gone.mood DEFAULT 'good', x int DEFAULT gone.f('good'));
        CREATE VIEW gone.grouped AS SELECT id, x FROM gone.t GROUP BY id; CREATE MATERIALIZED VIEW gone.m AS SELECT * FROM gone.t;
        CREATE CAST (gone.mood AS int) WITH FUNCTION gone.f(gone.mood);
        CREATE OPERATOR gone.@@@ (rightarg = gone.mood, function = gone.f); CREATE OPERATOR FAMILY gone.fam USING btree;
        CREATE OPERATOR CLASS gone.cls FOR TYPE gone.mood USING btree FAMILY gone.fam AS OPERATOR 1 pg_catalog.<(anyenum, anyenum), FUNCTION 1 enum_cmp(anyenum, anyenum);
        CREATE STATISTICS gone.s ON id, x FROM gone.t; CREATE COLLATION gone.c (locale = 'C');
        CREATE TEXT SEARCH CONFIGURATION gone.ts (COPY = pg_catalog.simple); CREATE AGGREGATE gone.total(int) (sfunc = int4pl, stype = int);
        CREATE TRIGGER tr BEFORE INSERT ON gone.t FOR EACH ROW EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger();
        CREATE RULE r AS ON DELETE TO gone.t DO INSTEAD NOTHING; ALTER TABLE gone.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON gone.t USING (x = 1);
        CREATE TABLE other (x int DEFAULT 5, y int, CONSTRAINT c CHECK (y > 0)); CREATE INDEX i ON other (y); CREATE FUNCTION kept(gone.t) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE PUBLICATION pub FOR TABLE gone.t; INSERT INTO gone.t DEFAULT VALUES; REFRESH MATERIALIZED VIEW gone.m";
    database(
        server,
        "dropped_parts",
        &script.replace("BEFORE INSERT", "BEFORE UPDATE"),
    );
    let before = fingerprint(server, "dropped_parts");
    let bytes = dump(server, "dropped_parts", Compression::None).await;
    for harm in [
        "DROP SCHEMA gone CASCADE",
        "ALTER TABLE other DROP COLUMN x, DROP COLUMN y; ALTER TABLE gone.t DROP COLUMN x CASCADE; DROP PUBLICATION pub",
        "DROP TABLE gone.t CASCADE; DROP TYPE gone.mood CASCADE",
    ] {
        server.psql("dropped_parts", harm);
        restore(&target(server), &bytes, "dropped_parts", Way::InPlace).await;
        assert_eq!(fingerprint(server, "dropped_parts"), before, "{harm}");
    }
}

#[tokio::test]
async fn an_active_subscription_is_replaced_and_its_slot_is_named() {
    let server = Postgres::start_with(&PostgresOptions {
        settings: vec![("wal_level".into(), "logical".into())],
        ..PostgresOptions::default()
    });
    database(
        &server,
        "publisher",
        "CREATE TABLE t (x int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t; INSERT INTO t VALUES (1)",
    );
    server.psql(
        "publisher",
        "SELECT pg_create_logical_replication_slot('the slot'::text::name, 'pgoutput')"
            .replace("the slot", "the_slot")
            .as_str(),
    );
    database(&server, "subscriber", "CREATE TABLE t (x int PRIMARY KEY)");
    let url = server.url("publisher").replace('\'', "''");
    let subscribe = format!(
        "CREATE SUBSCRIPTION \"Sub one\" CONNECTION '{url}' PUBLICATION p WITH (create_slot = false, slot_name = the_slot)"
    );
    server.psql("subscriber", &subscribe);
    let rows = |wanted: &str| server.psql("subscriber", "SELECT count(*) FROM t") == wanted;
    until("the first row", || rows("1")).await;
    let bytes = dump(&server, "subscriber", Compression::None).await;
    server.psql("publisher", "INSERT INTO t VALUES (2)");
    until("the second row", || rows("2")).await;
    let report = restore(&target(&server), &bytes, "subscriber", Way::InPlace).await;
    assert!(
        rows("1") && said(&report).contains("its slot the_slot stays on the publisher"),
        "{}",
        said(&report)
    );
    assert_eq!(
        server.psql(
            "subscriber",
            "SELECT subname, subenabled, subslotname FROM pg_subscription"
        ),
        "Sub one|f|the_slot"
    );
    // As the hint says.
    server.psql("subscriber", "ALTER SUBSCRIPTION \"Sub one\" ENABLE");
    server.psql(
        "subscriber",
        "DELETE FROM t; ALTER SUBSCRIPTION \"Sub one\" REFRESH PUBLICATION",
    );
    server.psql("publisher", "INSERT INTO t VALUES (3)");
    until("all rows", || rows("3")).await;
    server.psql("subscriber", "ALTER SUBSCRIPTION \"Sub one\" RENAME TO later");
    let error = refused(&target(&server), &bytes, "subscriber").await;
    assert!(error.to_string().contains("subscription later"), "{error}");
}

fn login(server: &Postgres, name: &str) -> PgDump {
    PgDump {
        settings: ServerSettings {
            user: name.into(),
            password: Some(Secret::new("x")),
            ..settings(server)
        },
        ..target(server)
    }
}

#[tokio::test]
async fn extensions_and_schemas_that_the_login_cannot_touch_are_left_as_they_are() {
    let server = Postgres::shared();
    server.psql(
        "postgres",
        "CREATE ROLE managed LOGIN CREATEDB PASSWORD 'x'; CREATE DATABASE managed OWNER managed TEMPLATE template0",
    );
    server.psql("managed", "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION postgres_fdw; CREATE EXTENSION hstore;
        GRANT USAGE ON SCHEMA ext TO managed; SET ROLE managed; CREATE SCHEMA app; CREATE TABLE app.t (name ext.citext PRIMARY KEY, h hstore);
        INSERT INTO app.t VALUES ('Abc', 'a=>1')");
    let before = fingerprint(server, "managed");
    let bytes = dump(server, "managed", Compression::None).await;
    server.psql("managed", "DELETE FROM app.t");
    let report = restore(&login(server, "managed"), &bytes, "managed", Way::InPlace).await;
    assert_eq!(fingerprint(server, "managed"), before);
    for kept in [
        "extension citext 1.6 is left",
        "extension postgres_fdw 1.1 is left",
        "schema ext and the rights on it are left",
    ] {
        assert!(said(&report).contains(kept), "{}", said(&report));
    }
    // A superuser replaces them.
    let report = restore(&target(server), &bytes, "managed", Way::InPlace).await;
    assert_eq!((fingerprint(server, "managed"), said(&report)), (before, String::new()));
}

#[tokio::test]
async fn extensions_that_the_login_cannot_create_are_refused_and_go_into_a_prepared_database() {
    let server = Postgres::shared();
    server.psql("postgres", "CREATE ROLE preparing LOGIN CREATEDB PASSWORD 'x'; CREATE DATABASE preparing OWNER preparing TEMPLATE template0");
    server.psql(
        "preparing",
        "CREATE SCHEMA ext; CREATE EXTENSION postgres_fdw SCHEMA ext; CREATE EXTENSION citext; SET ROLE preparing; CREATE TABLE t (name citext);
        INSERT INTO t VALUES ('Abc')",
    );
    let bytes = dump(server, "preparing", Compression::None).await;
    let target = login(server, "preparing");
    let order = |name: &str, way| request(name, "preparing", way);
    let cx = context();
    for (name, way) in [("prepared_one", Way::Create), ("preparing", Way::Swap)] {
        let error = target
            .plan_restore(&cx, &order(name, way), pieces(&bytes).boxed())
            .await
            .map(drop)
            .unwrap_err();
        let restored = Box::pin(target.restore(&cx, &order(name, way), || pieces(&bytes).boxed())).await;
        assert_eq!(restored.map(drop).unwrap_err().to_string(), error.to_string());
        assert_eq!(error.kind(), ErrorKind::Refused);
        let statements =
            "CREATE SCHEMA IF NOT EXISTS ext; CREATE EXTENSION IF NOT EXISTS postgres_fdw WITH SCHEMA ext;";
        assert!(error.hints()[0].contains(statements), "{error:?}");
    }
    // As the hint says.
    server.psql(
        "postgres",
        "CREATE DATABASE prepared_one OWNER preparing TEMPLATE template0",
    );
    let prepared = order("prepared_one", Way::IntoPrepared);
    let restore = || Box::pin(target.restore(&cx, &prepared, || pieces(&bytes).boxed()));
    let error = restore().await.map(drop).unwrap_err();
    assert!(
        error.hints()[0].contains("CREATE EXTENSION IF NOT EXISTS postgres_fdw"),
        "{error:?}"
    );
    server.psql(
        "prepared_one",
        "CREATE SCHEMA ext; CREATE EXTENSION postgres_fdw SCHEMA ext",
    );
    restore().await.unwrap();
    assert_eq!(
        server.psql("prepared_one", "SELECT count(*) FROM t WHERE name = 'aBC'"),
        "1"
    );
    let error = restore().await.map(drop).unwrap_err();
    assert!(
        error.kind() == ErrorKind::Refused && error.to_string().contains("table public.t"),
        "{error:?}"
    );
}

//! What the owner of a database puts into it never runs with the rights of whoever backs it up.

use crate::{
    fixture::{CONTENT, database, dump, exists, locations, pieces, settings},
    target::{context, request, target},
};
use backup_core::{ErrorKind, event::Severity};
use backup_postgres::{
    Secret, ServerSettings, Session,
    check::{check_databases, check_leftovers, check_server},
    database_facts,
    dump::Compression,
    log_position, schema_version, server_facts,
    target::Way,
};
use backup_tests::{Postgres, fingerprint};
use bytes::Bytes;
use futures::StreamExt;

/// Seizes what it can, and says so where it cannot.
const SEIZE: &str = "CREATE TABLE public.ran (who text, what text); GRANT INSERT ON public.ran TO PUBLIC;
    CREATE FUNCTION public.seize(what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.ran VALUES (session_user, what);
        EXECUTE 'ALTER ROLE ' || (SELECT pg_catalog.quote_ident(tableowner) FROM pg_catalog.pg_tables WHERE tablename = 'ran') || ' SUPERUSER';
    EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;";

/// Functions and operators under the names that our statements use, found first where the search path says so.
const SHADOWS: &str = "
    CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT public.seize('current_setting'); SELECT '150000' $$;
    CREATE FUNCTION public.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS $$ SELECT public.seize('pg_is_in_recovery'); SELECT false $$;
    CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT public.seize('clock_timestamp'); SELECT pg_catalog.now() $$;
    CREATE FUNCTION public.has_table_privilege(oid, text) RETURNS bool LANGUAGE sql AS $$ SELECT public.seize('has_table_privilege'); SELECT true $$;
    CREATE FUNCTION public.has_schema_privilege(oid, text) RETURNS bool LANGUAGE sql AS $$ SELECT public.seize('has_schema_privilege'); SELECT true $$;
    CREATE FUNCTION public.row_security_active(oid) RETURNS bool LANGUAGE sql AS $$ SELECT public.seize('row_security_active'); SELECT false $$;
    CREATE FUNCTION public.to_regclass(text) RETURNS regclass LANGUAGE sql AS $$ SELECT public.seize('to_regclass'); SELECT null::regclass $$;
    CREATE FUNCTION public.pg_database_size(name) RETURNS bigint LANGUAGE sql AS $$ SELECT public.seize('pg_database_size'); SELECT 1::bigint $$;
    CREATE FUNCTION public.pg_terminate_backend(integer) RETURNS bool LANGUAGE sql AS $$ SELECT public.seize('pg_terminate_backend'); SELECT true $$;
    CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS $$ SELECT public.seize('unnest'); SELECT 'x'::text $$;
    CREATE FUNCTION public.grown(bigint, int8) RETURNS bigint LANGUAGE sql AS $$ SELECT public.seize('max'); SELECT 1::bigint $$;
    CREATE AGGREGATE public.max(bigint) (SFUNC = public.grown, STYPE = bigint, INITCOND = '0');
    CREATE AGGREGATE public.sum(bigint) (SFUNC = public.grown, STYPE = bigint, INITCOND = '0');
    CREATE FUNCTION public.same(name, name) RETURNS bool LANGUAGE sql AS $$ SELECT public.seize('='); SELECT true $$;
    CREATE FUNCTION public.same(text, text) RETURNS bool LANGUAGE sql AS $$ SELECT public.seize('='); SELECT true $$;
    CREATE FUNCTION public.same(oid, oid) RETURNS bool LANGUAGE sql AS $$ SELECT public.seize('='); SELECT true $$;
    CREATE FUNCTION public.same(\"char\", \"char\") RETURNS bool LANGUAGE sql AS $$ SELECT public.seize('='); SELECT true $$;
    CREATE FUNCTION public.joined(text, text) RETURNS text LANGUAGE sql AS $$ SELECT public.seize('||'); SELECT 'x'::text $$;
    CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.same);
    CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.same);
    CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = public.same);
    CREATE OPERATOR public.= (LEFTARG = \"char\", RIGHTARG = \"char\", FUNCTION = public.same);
    CREATE OPERATOR public.<> (LEFTARG = \"char\", RIGHTARG = \"char\", FUNCTION = public.same);
    CREATE OPERATOR public.<> (LEFTARG = name, RIGHTARG = name, FUNCTION = public.same);
    CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = public.joined);
    ";

/// A database whose owner, no superuser, ran `plants` in it.
struct Hostile {
    server: &'static Postgres,
    name: &'static str,
}

impl Hostile {
    fn new(name: &'static str, plants: &str) -> Self {
        let server = Postgres::shared();
        server.psql("postgres", &format!("CREATE ROLE {name}_owner"));
        server.psql(
            "postgres",
            &format!("CREATE DATABASE {name} OWNER {name}_owner TEMPLATE template0"),
        );
        server.psql(name, &format!("ALTER SCHEMA public OWNER TO {name}_owner"));
        let as_owner = format!(
            "SET SESSION AUTHORIZATION {name}_owner; ALTER DATABASE {name} SET search_path = public, pg_catalog;
            SET search_path = pg_catalog, public; {SEIZE} {plants}"
        );
        server.psql(name, &as_owner);
        Self { server, name }
    }

    /// With the hostile database as the one for statements about the whole server too.
    fn settings(&self) -> ServerSettings {
        ServerSettings {
            maintenance_database: self.name.to_owned(),
            ..settings(self.server)
        }
    }

    async fn session(&self) -> Session {
        Session::connect(&self.settings(), self.name).await.unwrap()
    }

    /// All that a check and a dump do in a database.
    async fn look(&self) {
        let (settings, session) = (self.settings(), self.session().await);
        let facts = server_facts(&session).await.unwrap();
        assert!(facts.superuser);
        check_server(&facts, &locations(), facts.clock).await;
        check_databases(&settings, &session, &[self.name.to_owned()])
            .await
            .unwrap();
        check_leftovers(&session).await.unwrap();
        log_position(&session).await.unwrap();
        database_facts(&session).await.unwrap();
    }

    async fn dump(&self) -> Bytes {
        dump(self.server, self.name, Compression::None).await
    }

    async fn restore(&self, way: Way, bytes: &Bytes) {
        let mut target = target(self.server);
        target.settings = self.settings();
        if way == Way::Swap {
            // The server does not rename the database of the session that asks for it.
            target.settings.maintenance_database = "postgres".into();
        }
        let name = match way {
            Way::Create => format!("{}_new", self.name),
            Way::InPlace | Way::IntoPrepared | Way::Swap => self.name.to_owned(),
        };
        let request = request(&name, self.name, way);
        let restored = target.restore(&context(), &request, || pieces(bytes).boxed()).await;
        restored.unwrap();
        self.assert_nothing_ran(&name);
    }

    fn assert_nothing_ran(&self, database: &str) {
        assert_eq!(self.server.psql(database, "SELECT * FROM public.ran"), "", "{database}");
        let sql = format!("SELECT rolsuper FROM pg_roles WHERE rolname = '{}_owner'", self.name);
        assert_eq!(self.server.psql("postgres", &sql), "f");
    }

    /// Check, dump, and a restore in every way.
    async fn assert_holds(&self) {
        self.look().await;
        self.assert_nothing_ran(self.name);
        let bytes = self.dump().await;
        self.assert_nothing_ran(self.name);
        for way in [Way::InPlace, Way::Create, Way::Swap] {
            self.restore(way, &bytes).await;
        }
        assert!(exists(self.server, &format!("{}_new", self.name)));
    }

    /// The schema version is not read, which is said, and nothing ran.
    async fn assert_left_alone(&self) {
        let error = schema_version(&self.session().await).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
        let facts = database_facts(&self.session().await).await.unwrap();
        assert!(
            facts.findings[0].message.contains("goose_db_version"),
            "{:?}",
            facts.findings
        );
        self.assert_nothing_ran(self.name);
    }
}

#[tokio::test]
async fn functions_and_operators_of_an_owner_are_never_taken_for_the_servers() {
    let hostile = Hostile::new("hostile_names", SHADOWS);
    hostile.assert_holds().await;
}

#[tokio::test]
async fn a_view_in_the_place_of_the_schema_version_is_left_alone() {
    let view = "CREATE FUNCTION public.version() RETURNS bigint LANGUAGE sql AS $$ SELECT public.seize('view'); SELECT 7::bigint $$;
        CREATE VIEW public.goose_db_version AS SELECT 1 AS id, public.version() AS version_id, true AS is_applied;";
    let hostile = Hostile::new("hostile_view", view);
    hostile.assert_left_alone().await;
    hostile.assert_holds().await;
}

#[tokio::test]
async fn columns_with_types_and_casts_of_an_owner_are_left_alone() {
    let types = "CREATE TYPE public.number AS (n bigint);
        CREATE FUNCTION public.as_number(public.number) RETURNS bigint LANGUAGE sql AS $$ SELECT public.seize('cast'); SELECT 7::bigint $$;
        CREATE CAST (public.number AS bigint) WITH FUNCTION public.as_number(public.number) AS IMPLICIT;
        CREATE TABLE public.goose_db_version (id int, version_id public.number, is_applied bool);
        INSERT INTO public.goose_db_version VALUES (1, ROW(7), true);";
    let hostile = Hostile::new("hostile_cast", types);
    hostile.assert_left_alone().await;
    hostile.assert_holds().await;
}

#[tokio::test]
async fn partitions_and_foreign_tables_in_the_place_of_the_schema_version_are_left_alone() {
    let partitioned = "CREATE TABLE public.goose_db_version (id int, version_id bigint, is_applied bool) PARTITION BY LIST (is_applied);";
    Hostile::new("hostile_parts", partitioned).assert_left_alone().await;
    let foreign = Hostile::new("hostile_foreign", "");
    foreign.server.psql(
        foreign.name,
        "CREATE EXTENSION postgres_fdw; CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
        CREATE FOREIGN TABLE public.goose_db_version (id int, version_id bigint, is_applied bool) SERVER elsewhere",
    );
    foreign.assert_left_alone().await;
}

#[tokio::test]
async fn defaults_rules_triggers_and_children_of_an_owner_do_not_run() {
    let active = "CREATE FUNCTION public.evil() RETURNS int LANGUAGE sql AS $$ SELECT public.seize('default'); SELECT 1 $$;
        CREATE FUNCTION public.fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.seize('trigger'); RETURN NEW; END $$;
        CREATE TABLE public.goose_db_version (id serial PRIMARY KEY, version_id bigint, is_applied bool);
        INSERT INTO public.goose_db_version (version_id, is_applied) VALUES (7, true);
        ALTER TABLE public.goose_db_version ALTER id SET DEFAULT public.evil();
        CREATE TRIGGER fires BEFORE INSERT OR UPDATE OR DELETE ON public.goose_db_version FOR EACH ROW EXECUTE FUNCTION public.fires();
        CREATE RULE also AS ON INSERT TO public.goose_db_version DO ALSO SELECT public.seize('rule');
        CREATE TABLE public.child () INHERITS (public.goose_db_version);
        ALTER TABLE public.child ENABLE ROW LEVEL SECURITY;
        CREATE POLICY seen ON public.child USING (public.evil() = 1);";
    let hostile = Hostile::new("hostile_active", active);
    assert_eq!(schema_version(&hostile.session().await).await.unwrap(), Some(7));
    hostile.assert_holds().await;
}

#[tokio::test]
async fn a_policy_of_an_owner_is_not_evaluated_for_a_login_that_it_applies_to() {
    let policy =
        "CREATE FUNCTION public.seen() RETURNS bool LANGUAGE sql AS $$ SELECT public.seize('policy'); SELECT true $$;
        CREATE TABLE public.goose_db_version (id int, version_id bigint, is_applied bool);
        INSERT INTO public.goose_db_version VALUES (1, 7, true);
        ALTER TABLE public.goose_db_version ENABLE ROW LEVEL SECURITY;
        ALTER TABLE public.goose_db_version FORCE ROW LEVEL SECURITY;
        CREATE POLICY seen ON public.goose_db_version USING (public.seen());";
    let hostile = Hostile::new("hostile_policy", policy);
    assert_eq!(schema_version(&hostile.session().await).await.unwrap(), Some(7));
    hostile.server.psql(
        hostile.name,
        "CREATE ROLE hostile_reader LOGIN PASSWORD 'planted'; GRANT pg_read_all_data TO hostile_reader",
    );
    let reader = ServerSettings {
        user: "hostile_reader".into(),
        password: Some(Secret::new("planted")),
        ..hostile.settings()
    };
    let session = Session::connect(&reader, hostile.name).await.unwrap();
    let error = schema_version(&session).await.unwrap_err();
    assert!(error.chain().contains("row-level security"), "{error:?}");
    let found = check_databases(&reader, &session, &[hostile.name.to_owned()])
        .await
        .unwrap();
    assert_eq!(found[0].severity, Severity::Error);
    hostile.assert_nothing_ran(hostile.name);
    hostile.assert_holds().await;
}

#[test]
fn an_owner_cannot_make_event_triggers() {
    let hostile = Hostile::new("hostile_events", "");
    let made = hostile.server.try_psql(
        hostile.name,
        "SET SESSION AUTHORIZATION hostile_events_owner;
        CREATE FUNCTION public.fires() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.seize('event'); END $$;
        CREATE EVENT TRIGGER fires ON ddl_command_start EXECUTE FUNCTION public.fires()",
    );
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(said.contains("permission denied to create event trigger"), "{said}");
}

/// Each of them makes something fail, or be read or written otherwise, in a session that takes it.
const SETTINGS: [&str; 22] = [
    "search_path = public, pg_catalog",
    "default_transaction_read_only = on",
    "default_transaction_isolation = serializable",
    "default_transaction_deferrable = on",
    "statement_timeout = 1",
    "lock_timeout = 1",
    "idle_in_transaction_session_timeout = 1",
    "idle_session_timeout = 1",
    "row_security = on",
    "array_nulls = off",
    "standard_conforming_strings = off",
    "backslash_quote = off",
    "quote_all_identifiers = on",
    "DateStyle = 'SQL, DMY'",
    "IntervalStyle = sql_standard",
    "bytea_output = escape",
    "extra_float_digits = -15",
    "TimeZone = 'Asia/Kathmandu'",
    "client_encoding = LATIN1",
    "xmloption = document",
    "role = hostile_settings_other",
    "default_tablespace = ''",
];

const VALUES: &str = "CREATE TABLE values_of_settings (id int PRIMARY KEY, a text[], t timestamptz, i interval, b bytea, f float8, x xml, s text);
    INSERT INTO values_of_settings VALUES (1, ARRAY['x', NULL, 'NULL'], '2026-03-04 05:06:07+00', '-1 year 2 mons -3 days 04:05:06', '\\x00ff5c27',
        0.1 + 0.2, '<a/>text', 'back\\slash ''quote'' ü');";

#[tokio::test]
async fn settings_of_role_and_database_never_change_what_is_dumped_and_restored() {
    let server = Postgres::start();
    let postgres = &server;
    database(postgres, "hostile_settings", CONTENT);
    postgres.psql("hostile_settings", VALUES);
    let before = fingerprint(postgres, "hostile_settings");
    postgres.psql("postgres", "CREATE ROLE hostile_settings_other");
    for setting in SETTINGS {
        for whose in [
            "DATABASE hostile_settings",
            "DATABASE postgres",
            "ROLE kernel IN DATABASE hostile_settings",
            "ROLE kernel",
        ] {
            // psql itself, which sets the next one, is in the way of this.
            if whose == "ROLE kernel" && setting.ends_with("timeout = 1") {
                continue;
            }
            let sql = format!(
                "SET ROLE NONE; SET default_transaction_read_only = off; SET lock_timeout = 0; SET statement_timeout = 0; ALTER {whose} SET {setting}"
            );
            postgres.psql("template1", &sql);
        }
    }
    let bytes = dump(postgres, "hostile_settings", Compression::None).await;
    let target = target(postgres);
    for (name, way) in [
        ("hostile_settings", Way::InPlace),
        ("hostile_settings_new", Way::Create),
        ("hostile_settings", Way::Swap),
    ] {
        let request = request(name, "hostile_settings", way);
        let report = target.restore(&context(), &request, || pieces(&bytes).boxed()).await;
        assert_eq!(report.unwrap().schema_version, Some(7), "{way:?}");
    }
    postgres.psql(
        "template1",
        "SET ROLE NONE; SET default_transaction_read_only = off; ALTER ROLE kernel RESET ALL",
    );
    for name in ["hostile_settings", "hostile_settings_new"] {
        let sql = format!(
            "SET ROLE NONE; SET default_transaction_read_only = off; ALTER DATABASE {name} RESET ALL; ALTER ROLE kernel IN DATABASE {name} RESET ALL"
        );
        postgres.psql("template1", &sql);
        assert_eq!(fingerprint(postgres, name), before);
    }
}

#[tokio::test]
async fn settings_that_no_session_can_undo_are_found() {
    let server = Postgres::shared();
    database(server, "hazards", "");
    server.psql("postgres", "ALTER DATABASE hazards SET zero_damaged_pages = on");
    let session = Session::connect(&settings(server), "hazards").await.unwrap();
    let facts = database_facts(&session).await.unwrap();
    let [finding] = &facts.findings[..] else {
        panic!("{:?}", facts.findings)
    };
    assert!(finding.severity == Severity::Warning && finding.message.contains("rows are missing"));
    let found = check_databases(&settings(server), &session, &["hazards".to_owned()])
        .await
        .unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
}

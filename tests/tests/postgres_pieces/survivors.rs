//! What was made after a backup stays through a restore in place, whatever it is, and is named.

use crate::fixture::{database, pieces, settings};
use backup_postgres::{
    ClientTools, Session, ToolLocations,
    archive::{Contents, Limits, read_contents},
    dump::{Compression, DumpRequest, dump_stream},
    surviving_objects, surviving_tables,
};
use backup_tests::Postgres;
use bytes::Bytes;
use futures::StreamExt;

/// One of each kind, and everything that the server makes along with another: `SUFFIX` tells two sets apart.
const OBJECTS: &str = "
    CREATE SCHEMA \"Odd SUFFIX\";
    CREATE TYPE mood_SUFFIX AS ENUM ('good'); CREATE TYPE pair_SUFFIX AS (a int, b text); CREATE TYPE span_SUFFIX AS RANGE (subtype = int4);
    CREATE DOMAIN positive_SUFFIX AS int CHECK (value > 0);
    CREATE SEQUENCE alone_SUFFIX;
    CREATE TABLE t_SUFFIX (id serial PRIMARY KEY, other int GENERATED ALWAYS AS IDENTITY, mood mood_SUFFIX, x int, y int);
    CREATE VIEW v_SUFFIX AS SELECT id FROM t_SUFFIX; CREATE MATERIALIZED VIEW m_SUFFIX AS SELECT id FROM t_SUFFIX;
    CREATE STATISTICS s_SUFFIX ON x, y FROM t_SUFFIX;
    CREATE FUNCTION f_SUFFIX(int, mood_SUFFIX, VARIADIC text[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION nothing_SUFFIX() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE PROCEDURE p_SUFFIX(IN a int, INOUT b int) LANGUAGE plpgsql AS 'BEGIN b := a; END';
    CREATE AGGREGATE count_SUFFIX(*) (sfunc = int8inc, stype = int8, initcond = '0');
    CREATE AGGREGATE sum_SUFFIX(int) (sfunc = int4pl, stype = int4, initcond = '0');
    CREATE OPERATOR @#SIGN (leftarg = int, rightarg = int, function = int4pl);
    CREATE COLLATION c_SUFFIX (locale = 'C'); CREATE TEXT SEARCH CONFIGURATION ts_SUFFIX (COPY = pg_catalog.simple);
    CREATE TEXT SEARCH DICTIONARY d_SUFFIX (template = simple);
    CREATE EVENT TRIGGER e_SUFFIX ON ddl_command_end EXECUTE FUNCTION nothing_SUFFIX();
    CREATE PUBLICATION pub_SUFFIX; CREATE SUBSCRIPTION sub_SUFFIX CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false);
    CREATE FOREIGN DATA WRAPPER w_SUFFIX; CREATE SERVER server_SUFFIX FOREIGN DATA WRAPPER w_SUFFIX;
    CREATE TEMPORARY SEQUENCE gone_SUFFIX";

fn objects(suffix: &str, sign: &str) -> String {
    OBJECTS.replace("SUFFIX", suffix).replace("SIGN", sign)
}

async fn contents(server: &Postgres, name: &str) -> Contents {
    let settings = settings(server);
    let locations = ToolLocations {
        folder: Some(server.binaries().into()),
        path: None,
    };
    let tools = ClientTools::find(&locations, server.major()).await.unwrap();
    let request = DumpRequest {
        settings: &settings,
        tools: &tools,
        database: name,
        encoding: Some("UTF8"),
        compression: Compression::None,
    };
    let (stream, _) = dump_stream(request).unwrap();
    let bytes: Vec<Bytes> = stream.map(Result::unwrap).collect().await;
    let bytes: Bytes = bytes.concat().into();
    read_contents(pieces(&bytes), Limits::default()).await.unwrap().unwrap()
}

const LATER: [&str; 23] = [
    "aggregate public.count_later(*)",
    "aggregate public.sum_later(integer)",
    "collation public.c_later",
    "domain public.positive_later",
    "event trigger e_later",
    "extension lo",
    "foreign data wrapper w_later",
    "function public.f_later(integer, public.mood_later, text[])",
    "function public.nothing_later()",
    "materialized view public.m_later",
    "operator public.@#@",
    "procedure public.p_later(integer, integer)",
    "publication pub_later",
    "schema Odd later",
    "sequence public.alone_later",
    "server server_later",
    "statistics public.s_later",
    "subscription sub_later",
    "text search configuration public.ts_later",
    "text search dictionary public.d_later",
    "type public.mood_later",
    "type public.pair_later",
    "type public.span_later",
];

#[tokio::test]
async fn objects_of_every_kind_that_were_made_later_are_named_and_no_others_in_every_version() {
    for major in Postgres::VERSIONS {
        let server = Postgres::shared_version(major);
        database(server, "survivors", &objects("first", "#"));
        server.psql("survivors", "SELECT lo_create(n) FROM generate_series(1001, 1010) n");
        let contents = contents(server, "survivors").await;
        let session = Session::connect(&settings(server), "survivors").await.unwrap();
        assert_eq!(
            surviving_objects(&session, &contents).await.unwrap(),
            Some(vec![]),
            "{major}"
        );

        server.psql("survivors", &objects("later", "@"));
        server.psql(
            "survivors",
            "SELECT lo_create(n) FROM generate_series(2001, 2007) n; CREATE EXTENSION lo",
        );
        let mut expected: Vec<String> = LATER.map(str::to_owned).to_vec();
        expected.push("view public.v_later".to_owned());
        expected.push("7 large objects (2001, 2002, 2003, 2004, 2005, …)".to_owned());
        assert_eq!(
            surviving_objects(&session, &contents).await.unwrap(),
            Some(expected),
            "{major}"
        );
        let tables = surviving_tables(&session, &contents).await.unwrap();
        assert_eq!(
            tables.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["public.t_later"]
        );
    }
}

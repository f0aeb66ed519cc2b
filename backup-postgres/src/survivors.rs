//! What a restore in place does not touch: objects that were made after the backup.

use crate::{
    RawText, Session,
    archive::{Contents, KINDS, Object, Objects},
    catalog::OF_USERS,
    connection::get,
    raw_text::{bytes_of, get_raw},
    readable::readable,
};
use backup_core::Result;

/// Objects of users, as `pg_dump` calls them: kind, schema, name, catalog and number. Row types of tables, types of arrays, sequences of columns and whatever
/// else the server makes and drops together with something are none.
pub(crate) const LIVE: &str = "\
    SELECT 'SCHEMA' AS kind, NULL::pg_catalog.oid AS ns, nspname::pg_catalog.text AS name, 'pg_catalog.pg_namespace'::pg_catalog.regclass AS class, oid \
        FROM pg_catalog.pg_namespace n WHERE nspname <> 'public' AND {users} \
    UNION ALL SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'SEQUENCE' END, relnamespace, relname, \
        'pg_catalog.pg_class'::pg_catalog.regclass, c.oid FROM pg_catalog.pg_class c \
        WHERE relkind IN ('v', 'm', 'S') AND relpersistence <> 't' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
            WHERE relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'a') \
    UNION ALL SELECT CASE prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, pronamespace, proname || '(' \
        || CASE WHEN prokind = 'a' AND pronargs = 0 THEN '*' ELSE coalesce((SELECT pg_catalog.string_agg(pg_catalog.format_type(a.type, NULL), ', ' ORDER BY a.place) \
            FROM pg_catalog.unnest(proargtypes) WITH ORDINALITY AS a(type, place)), '') END || ')', \
        'pg_catalog.pg_proc'::pg_catalog.regclass, oid FROM pg_catalog.pg_proc \
    UNION ALL SELECT CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, typnamespace, typname, 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid \
        FROM pg_catalog.pg_type t WHERE typtype IN ('b', 'c', 'd', 'e', 'r') \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = typrelid AND relkind <> 'c') \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid) \
    UNION ALL SELECT 'COLLATION', collnamespace, collname, 'pg_catalog.pg_collation'::pg_catalog.regclass, oid FROM pg_catalog.pg_collation \
    UNION ALL SELECT 'CONVERSION', connamespace, conname, 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid FROM pg_catalog.pg_conversion \
    UNION ALL SELECT 'OPERATOR', oprnamespace, oprname, 'pg_catalog.pg_operator'::pg_catalog.regclass, oid FROM pg_catalog.pg_operator \
    UNION ALL SELECT 'STATISTICS', stxnamespace, stxname, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, oid FROM pg_catalog.pg_statistic_ext \
    UNION ALL SELECT 'TEXT SEARCH CONFIGURATION', cfgnamespace, cfgname, 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid FROM pg_catalog.pg_ts_config \
    UNION ALL SELECT 'TEXT SEARCH DICTIONARY', dictnamespace, dictname, 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid FROM pg_catalog.pg_ts_dict \
    UNION ALL SELECT 'TEXT SEARCH PARSER', prsnamespace, prsname, 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, oid FROM pg_catalog.pg_ts_parser \
    UNION ALL SELECT 'TEXT SEARCH TEMPLATE', tmplnamespace, tmplname, 'pg_catalog.pg_ts_template'::pg_catalog.regclass, oid FROM pg_catalog.pg_ts_template \
    UNION ALL SELECT 'EVENT TRIGGER', NULL, evtname, 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, oid FROM pg_catalog.pg_event_trigger \
    UNION ALL SELECT 'EXTENSION', NULL, extname, 'pg_catalog.pg_extension'::pg_catalog.regclass, oid FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' \
    UNION ALL SELECT 'PUBLICATION', NULL, pubname, 'pg_catalog.pg_publication'::pg_catalog.regclass, oid FROM pg_catalog.pg_publication \
    UNION ALL SELECT 'SUBSCRIPTION', NULL, subname, 'pg_catalog.pg_subscription'::pg_catalog.regclass, s.oid FROM pg_catalog.pg_subscription s \
        JOIN pg_catalog.pg_database b ON b.oid = subdbid AND b.datname = pg_catalog.current_database() \
    UNION ALL SELECT 'FOREIGN DATA WRAPPER', NULL, fdwname, 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid FROM pg_catalog.pg_foreign_data_wrapper \
    UNION ALL SELECT 'SERVER', NULL, srvname, 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid FROM pg_catalog.pg_foreign_server \
    UNION ALL SELECT 'PROCEDURAL LANGUAGE', NULL, lanname, 'pg_catalog.pg_language'::pg_catalog.regclass, oid FROM pg_catalog.pg_language WHERE lanispl";

/// How many names of large objects are listed.
const LISTED: i64 = 5;

/// Objects of the session's database, other than tables, that a restore of `contents` with `--clean` neither drops nor replaces, for people: `function
/// public.f(integer)`. Large objects are one line. `None` where the dump holds more than can be compared.
///
/// # Errors
/// `SourceFailed`.
pub async fn surviving_objects(session: &Session, contents: &Contents) -> Result<Option<Vec<String>>> {
    let Some(objects) = &contents.objects else {
        return Ok(None);
    };
    let live = live_objects(session).await?;
    let mut survive = Vec::new();
    let stay: Vec<&Object> = live.iter().filter(|object| !objects.named.contains(object)).collect();
    let names: Vec<RawText> = stay.iter().map(|object| object.dotted()).collect();
    for (object, name) in stay.iter().zip(readable(session, &names).await) {
        survive.push(format!("{} {name}", object.kind.to_lowercase()));
    }
    survive.extend(surviving_large_objects(session, objects).await?);
    Ok(Some(survive))
}

impl Object {
    fn dotted(&self) -> RawText {
        match self.schema.is_empty() {
            true => self.name.clone(),
            false => [self.schema.as_bytes(), self.name.as_bytes()].join(&b'.').into(),
        }
    }
}

async fn live_objects(session: &Session) -> Result<Vec<Object>> {
    let sql = format!(
        "SELECT kind, {}, {} FROM ({}) AS o LEFT JOIN pg_catalog.pg_namespace n ON n.oid = ns \
        WHERE (ns IS NULL OR n.oid IS NOT NULL AND {OF_USERS}) AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
            WHERE d.classid = class AND d.objid = o.oid AND d.deptype IN ('e', 'i')) ORDER BY kind, n.nspname, name",
        bytes_of("coalesce(n.nspname, '')"),
        bytes_of("name"),
        LIVE.replace("{users}", OF_USERS)
    );
    let mut live = Vec::new();
    for row in session.rows(&sql, &[]).await? {
        let kind: &str = get(&row, 0)?;
        let known = KINDS.iter().find(|known| **known == kind);
        let (schema, name) = (get_raw(&row, 1)?, get_raw(&row, 2)?);
        live.extend(known.map(|kind| Object { kind, schema, name }));
    }
    Ok(live)
}

async fn surviving_large_objects(session: &Session, objects: &Objects) -> Result<Option<String>> {
    let restored: Vec<u32> = objects.large.iter().copied().collect();
    let sql = "SELECT pg_catalog.count(*), coalesce(pg_catalog.string_agg(oid::pg_catalog.text, ', ' ORDER BY oid) FILTER (WHERE place <= $2), '') \
        FROM (SELECT oid, pg_catalog.row_number() OVER (ORDER BY oid) AS place FROM pg_catalog.pg_largeobject_metadata m \
            WHERE NOT EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS o WHERE o = m.oid)) AS later";
    let row = session.one(sql, &[&restored, &LISTED]).await?;
    let (count, first): (i64, String) = (get(&row, 0)?, get(&row, 1)?);
    let more = if count > LISTED { ", …" } else { "" };
    Ok((count > 0).then(|| format!("{count} large objects ({first}{more})")))
}

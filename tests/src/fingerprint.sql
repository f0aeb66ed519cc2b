-- One line per object of the database: what it is, and a digest of what it holds. Two databases with equal lines have
-- equal content. Statistics, physical order, object identifiers and dropped columns are no content.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
-- Every name in a definition is printed with its schema, every value in one way.
SET LOCAL search_path = '';
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL extra_float_digits = 3;
SET LOCAL bytea_output = 'hex';
SET LOCAL row_security = off;
\set ours '(n.nspname NOT LIKE ''pg\\_%'' AND n.nspname <> ''information_schema'')'

-- Rows. `t::text` renders the live columns in order; the sort makes the digest independent of the physical order.
SELECT format('SELECT %L || count(*) || '' '' || md5(coalesce(string_agg(d, '''' ORDER BY d), '''')) FROM (SELECT md5(t::text) COLLATE "C" AS d FROM ONLY %I.%I AS t) AS digests',
    'rows ' || n.nspname || '.' || c.relname || ' ', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND :ours
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
\gexec

SELECT format('SELECT %L || last_value || '' '' || is_called FROM %I.%I', 'sequence ' || n.nspname || '.' || c.relname || ' ', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND :ours
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
\gexec

SELECT 'largeobject ' || oid || ' ' || pg_catalog.pg_get_userbyid(lomowner) || ' ' || md5(pg_catalog.lo_get(oid))
FROM pg_catalog.pg_largeobject_metadata ORDER BY oid;

-- Definitions.
WITH definition AS (
SELECT 'schema' AS kind, n.nspname::text AS name, concat_ws(' ', pg_catalog.pg_get_userbyid(n.nspowner), n.nspacl) AS text
FROM pg_catalog.pg_namespace n WHERE :ours
UNION ALL
SELECT 'relation ' || c.relkind::text, n.nspname || '.' || c.relname,
    concat_ws(' ', pg_catalog.pg_get_userbyid(c.relowner), (SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(c.relacl) a),
        c.relpersistence, c.relrowsecurity, c.reloptions, c.relispopulated, pg_catalog.pg_get_partkeydef(c.oid), pg_catalog.pg_get_expr(c.relpartbound, c.oid),
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) WHEN c.relkind IN ('i', 'I') THEN pg_catalog.pg_get_indexdef(c.oid) END,
        (SELECT concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle) FROM pg_catalog.pg_sequence s WHERE s.seqrelid = c.oid),
        pg_catalog.obj_description(c.oid, 'pg_class'))
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind <> 't' AND :ours
UNION ALL
SELECT 'columns', n.nspname || '.' || c.relname,
    string_agg(concat_ws(' ', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attcollation::regcollation, a.attacl,
        pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.col_description(c.oid, a.attnum)), E'\n' ORDER BY a.attnum)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'c', 'f') AND :ours GROUP BY n.nspname, c.relname
UNION ALL
SELECT 'constraint', n.nspname || '.' || coalesce(r.relname, t.typname) || '.' || o.conname, pg_catalog.pg_get_constraintdef(o.oid)
FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_namespace n ON n.oid = o.connamespace
LEFT JOIN pg_catalog.pg_class r ON r.oid = o.conrelid LEFT JOIN pg_catalog.pg_type t ON t.oid = o.contypid WHERE :ours
UNION ALL
SELECT 'trigger', n.nspname || '.' || c.relname || '.' || t.tgname, t.tgenabled::text || pg_catalog.pg_get_triggerdef(t.oid)
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND :ours
UNION ALL
SELECT 'policy', p.schemaname || '.' || p.tablename || '.' || p.policyname, concat_ws(' ', p.permissive, p.roles, p.cmd, p.qual, p.with_check)
FROM pg_catalog.pg_policies p
UNION ALL
SELECT 'function', n.nspname || '.' || f.oid::regprocedure, concat_ws(' ', pg_catalog.pg_get_userbyid(f.proowner), f.proacl,
    CASE WHEN f.prokind IN ('f', 'p') THEN pg_catalog.pg_get_functiondef(f.oid) ELSE f.prosrc END, pg_catalog.obj_description(f.oid, 'pg_proc'))
FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace WHERE :ours
UNION ALL
SELECT 'type', n.nspname || '.' || t.typname, concat_ws(' ', t.typtype, pg_catalog.pg_get_userbyid(t.typowner), pg_catalog.format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
    (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid))
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE :ours
UNION ALL
SELECT 'extension', e.extname::text, e.extversion FROM pg_catalog.pg_extension e
)
SELECT concat_ws(' ', kind, name, md5(text)) FROM definition ORDER BY kind COLLATE "C", name COLLATE "C";
ROLLBACK;

//! Statements without which `pg_restore --clean` cannot drop what it drops.
//!
//! It drops each constraint and each index by itself, and the server lets go neither what a partition or a child has from its parent nor a subscription that
//! has a slot. So the tables are separated from each other first, and the subscriptions from their slots. Views get a definition that depends on nothing but
//! the types of their columns, and columns lose their defaults: `pg_dump` does so too where they depend on each other, but as things were when it ran.
//! All of it is in the restore's own transaction.

use super::live::{Live, columns};
use crate::{
    Session,
    raw_text::{bytes_of, get_raw},
};
use backup_core::Result;

/// Keys to and from partitioned tables: while they are there, no partition can be detached that holds rows.
const KEYS: &str = "SELECT pg_catalog.format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname) \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_class f ON f.oid = k.confrelid JOIN gone g ON g.id = c.oid \
    WHERE k.contype = 'f' AND k.conparentid = 0 AND 'p' IN (c.relkind, f.relkind) ORDER BY k.oid";

const CHILDREN: &str = "SELECT pg_catalog.format(CASE WHEN c.relispartition THEN 'ALTER TABLE %3$I.%4$I DETACH PARTITION %1$I.%2$I' \
        ELSE 'ALTER TABLE %1$I.%2$I NO INHERIT %3$I.%4$I' END, cn.nspname, c.relname, pn.nspname, p.relname){pending} \
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace \
    JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace \
    JOIN gone g ON g.id = c.oid JOIN gone h ON h.id = p.oid WHERE c.relkind IN ('r', 'p', 'f') ORDER BY c.oid, i.inhseqno";

const SUBSCRIPTIONS: &str = "SELECT pg_catalog.format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = NONE); DROP SUBSCRIPTION %1$I', \
        s.subname) FROM pg_catalog.pg_subscription s \
    JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[])) AS g(class, id) ON g.id = s.oid \
    WHERE g.class = 'pg_catalog.pg_subscription'::pg_catalog.regclass ORDER BY s.oid";

/// As `createDummyViewAsClause` of `pg_dump`.
const VIEWS: &str = "SELECT pg_catalog.format('CREATE OR REPLACE VIEW %I.%I AS SELECT ', n.nspname, c.relname) || coalesce((SELECT pg_catalog.string_agg( \
        pg_catalog.format('NULL::%s', pg_catalog.format_type(a.atttypid, a.atttypmod)) || CASE WHEN a.attcollation <> t.typcollation \
            THEN pg_catalog.format(' COLLATE %I.%I', ln.nspname, l.collname) ELSE '' END || pg_catalog.format(' AS %I', a.attname), ', ' ORDER BY a.attnum) \
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation \
        LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN gone g ON g.id = c.oid WHERE c.relkind = 'v' ORDER BY c.oid";

const DEFAULTS: &str = "SELECT pg_catalog.format('ALTER TABLE ONLY %I.%I ALTER COLUMN %I DROP DEFAULT', n.nspname, c.relname, a.attname) \
    FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = d.adrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum JOIN gone g ON g.id = c.oid \
    WHERE a.attgenerated = '' AND c.relkind IN ('r', 'p', 'f') ORDER BY d.oid";

/// The statements, in their order.
pub(super) async fn unhook(session: &Session, live: &Live) -> Result<Vec<u8>> {
    let pending = match session.version().major() >= 14 {
        true => " || CASE WHEN i.inhdetachpending THEN ' FINALIZE' ELSE '' END",
        false => "",
    };
    let (classes, ids) = columns(&live.gone);
    let gone = "WITH gone AS (SELECT id FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[])) AS a(class, id) \
        WHERE class = 'pg_catalog.pg_class'::pg_catalog.regclass) ";
    let children = CHILDREN.replace("{pending}", pending);
    let mut script = Vec::new();
    for sql in [
        format!("{gone}{VIEWS}"),
        format!("{gone}{DEFAULTS}"),
        format!("{gone}{KEYS}"),
        format!("{gone}{children}"),
        SUBSCRIPTIONS.to_owned(),
    ] {
        let statement = bytes_of("s.statement");
        let sql = format!("SELECT {statement} FROM ({sql}) AS s(statement)");
        for row in session.rows(&sql, &[&classes, &ids]).await? {
            script.extend([get_raw(&row, 0)?.as_bytes(), b";\n"].concat());
        }
    }
    Ok(script)
}

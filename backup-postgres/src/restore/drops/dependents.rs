//! What goes along with what is dropped, and what stands in its way.

use super::live::{Live, columns};
use crate::{
    Session,
    connection::get,
    raw_text::{bytes_of, get_raw},
    readable::readable,
};
use backup_core::Result;

/// Parts go with the whole: `gone` and `stays` are what is dropped and what stays, each with its parts.
const CLOSURES: &str = "WITH RECURSIVE \
    gone(class, id) AS (SELECT * FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[])) UNION \
        SELECT d.classid, d.objid FROM gone g JOIN pg_catalog.pg_depend d ON d.refclassid = g.class AND d.refobjid = g.id \
        WHERE d.deptype IN ('a', 'i', 'P', 'S', 'e')), \
    roots(class, id) AS (SELECT * FROM ROWS FROM (pg_catalog.unnest($3::pg_catalog.oid[]), pg_catalog.unnest($4::pg_catalog.oid[]))), \
    stays(class, id) AS (SELECT * FROM roots UNION \
        SELECT d.classid, d.objid FROM stays s JOIN pg_catalog.pg_depend d ON d.refclassid = s.class AND d.refobjid = s.id \
        WHERE d.deptype IN ('a', 'i', 'P', 'S', 'e')) ";

/// What was made after the backup and depends on what is dropped, and the schemas that it is in.
const IN_THE_WAY: &str = "SELECT DISTINCT d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass, d.refobjid, \
        {described}, {held} \
    FROM stays s JOIN pg_catalog.pg_depend d ON d.classid = s.class AND d.objid = s.id AND d.deptype = 'n' \
    JOIN gone g ON g.class = d.refclassid AND g.id = d.refobjid \
    WHERE NOT EXISTS (SELECT FROM gone h WHERE h.class = s.class AND h.id = s.id)";

/// What was made after the backup and is dropped along; whether it holds data. Tables that are published by what stays drop out of the publication.
const ALONG: &str = "SELECT DISTINCT g.class = 'pg_catalog.pg_class'::pg_catalog.regclass, {described} FROM gone g WHERE \
    EXISTS (SELECT FROM roots r WHERE r.class = g.class AND r.id = g.id) OR g.class = 'pg_catalog.pg_publication_rel'::pg_catalog.regclass \
        AND EXISTS (SELECT FROM stays s WHERE s.class = g.class AND s.id = g.id)";

/// A subscription that stays, and a table that it fills and that is dropped.
const SUBSCRIBED: &str = "SELECT DISTINCT {described} FROM gone g JOIN pg_catalog.pg_subscription_rel r \
    ON g.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND r.srrelid = g.id \
    JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid JOIN roots k ON k.id = s.oid \
    AND k.class = 'pg_catalog.pg_subscription'::pg_catalog.regclass";

/// What the drops of a restore would do to what was made after the backup.
#[derive(Debug, Default)]
pub(super) struct Dependents {
    /// Schemas that cannot be dropped: something in them stays.
    pub(super) schemas: Vec<u32>,
    /// What depends on what is dropped: the server refuses to drop that.
    pub(super) in_the_way: Vec<String>,
    /// What holds data and would be dropped along without a word.
    pub(super) lost: Vec<String>,
    /// What holds none, and is dropped along.
    pub(super) along: Vec<String>,
    /// Subscriptions that would stop to fill tables without a word.
    pub(super) subscribed: Vec<String>,
}

impl Dependents {
    pub(super) async fn read(session: &Session, live: &Live) -> Result<Self> {
        let mut found = Self::default();
        let rows = query(session, live, IN_THE_WAY, "d.classid, d.objid, 0").await?;
        let (mut who, mut what) = (Vec::new(), Vec::new());
        for row in rows {
            if get(&row, 0)? {
                found.schemas.push(get(&row, 1)?);
            } else {
                who.push(get_raw(&row, 2)?);
                what.push(get_raw(&row, 3)?);
            }
        }
        let (who, what) = (readable(session, &who).await, readable(session, &what).await);
        let pairs = who.iter().zip(&what);
        found.in_the_way = pairs.map(|(who, what)| format!("{who} (on {what})")).collect();
        for row in query(session, live, ALONG, "g.class, g.id, 0").await? {
            let name = readable(session, &[get_raw(&row, 1)?]).await.concat();
            let list = if get(&row, 0)? {
                &mut found.lost
            } else {
                &mut found.along
            };
            list.push(name);
        }
        let described = "'pg_catalog.pg_subscription'::pg_catalog.regclass, s.oid, 0";
        for row in query(session, live, SUBSCRIBED, described).await? {
            found.subscribed.extend(readable(session, &[get_raw(&row, 0)?]).await);
        }
        Ok(found)
    }
}

async fn query(session: &Session, live: &Live, sql: &str, described: &str) -> Result<Vec<tokio_postgres::Row>> {
    let describe = |what: &str| bytes_of(&format!("pg_catalog.pg_describe_object({what})"));
    let sql = sql
        .replace("{described}", &describe(described))
        .replace("{held}", &describe("d.refclassid, d.refobjid, 0"));
    let ((gone, gone_ids), (stay, stay_ids)) = (columns(&live.gone), columns(&live.stay));
    session
        .rows(&format!("{CLOSURES}{sql}"), &[&gone, &gone_ids, &stay, &stay_ids])
        .await
}

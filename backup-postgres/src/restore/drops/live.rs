//! What is in the live database, and what a restore in place does with it.

use crate::{
    RawText, Session,
    archive::{Contents, KINDS, Object, Objects, QualifiedName},
    catalog::OF_USERS,
    connection::get,
    raw_text::{bytes_of, get_raw},
    survivors::LIVE,
};
use backup_core::Result;
use std::collections::BTreeSet;

const TABLES: &str = "SELECT 'TABLE' AS kind, relnamespace AS ns, relname::pg_catalog.text AS name, 'pg_catalog.pg_class'::pg_catalog.regclass AS class, oid \
    FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'f') AND relpersistence <> 't'";

/// An object by its catalog and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) class: u32,
    pub(super) id: u32,
}

/// The objects of a live database, and the place of each in a restore.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Dropped and made again.
    pub(super) gone: BTreeSet<Address>,
    /// Not in the dump.
    pub(super) stay: BTreeSet<Address>,
}

impl Live {
    /// The objects of the session's database beside those of the dump.
    pub(super) async fn read(session: &Session, contents: &Contents, objects: &Objects) -> Result<Self> {
        let sql = format!(
            "SELECT kind, {}, {}, class::pg_catalog.oid, o.oid FROM ({TABLES} UNION ALL {}) AS o LEFT JOIN pg_catalog.pg_namespace n ON n.oid = ns \
            WHERE (ns IS NULL OR n.oid IS NOT NULL AND {OF_USERS}) AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
                WHERE d.classid = class AND d.objid = o.oid AND d.deptype IN ('e', 'i') AND d.refobjid <> d.objid)",
            bytes_of("coalesce(n.nspname, '')"),
            bytes_of("name"),
            LIVE.replace("{users}", OF_USERS)
        );
        let tables: BTreeSet<&QualifiedName> = contents.tables.iter().collect();
        let mut live = Self::default();
        for row in session.rows(&sql, &[]).await? {
            let (schema, name): (RawText, RawText) = (get_raw(&row, 1)?, get_raw(&row, 2)?);
            let address = Address {
                class: get(&row, 3)?,
                id: get(&row, 4)?,
            };
            let dumped = match get(&row, 0)? {
                "TABLE" => tables.contains(&QualifiedName { schema, name }),
                kind => is_dumped(objects, kind, schema, name),
            };
            let place = if dumped { &mut live.gone } else { &mut live.stay };
            place.insert(address);
        }
        Ok(live)
    }

    pub(super) fn keep(&mut self, address: Address) {
        self.gone.remove(&address);
        self.stay.insert(address);
    }
}

fn is_dumped(objects: &Objects, kind: &str, schema: RawText, name: RawText) -> bool {
    let known = KINDS.iter().find(|known| **known == kind);
    known.is_some_and(|kind| objects.named.contains(&Object { kind, schema, name }))
}

/// Catalogs and numbers, as two parameters.
pub(super) fn columns(addresses: &BTreeSet<Address>) -> (Vec<u32>, Vec<u32>) {
    addresses.iter().map(|address| (address.class, address.id)).unzip()
}

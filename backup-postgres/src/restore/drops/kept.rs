//! What is in the dump and in the live database, and can only stay as it is.

use super::live::{Address, Live};
use crate::{
    RawText, Session,
    archive::{Contents, QualifiedName},
    connection::get,
    raw_text::{bytes_of, get_raw},
    readable::readable,
    recode::as_dumped,
};
use backup_core::Result;
use std::collections::BTreeSet;

/// Extensions; whether the login could drop them and make them again.
const EXTENSIONS: &str = "SELECT {name}, e.extversion, 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid, e.oid, \
    pg_catalog.pg_has_role(e.extowner, 'USAGE') AND EXISTS (SELECT FROM pg_catalog.pg_available_extensions a \
        JOIN pg_catalog.pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version \
        WHERE a.name = e.extname AND (r.rolsuper OR (v.trusted OR NOT v.superuser) \
            AND pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'))) \
    FROM pg_catalog.pg_extension e, pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER";

/// Schemas, and whether the login owns them.
const SCHEMAS: &str = "SELECT {name}, '', 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid, n.oid, \
    pg_catalog.pg_has_role(n.nspowner, 'USAGE') FROM pg_catalog.pg_namespace n";

/// Something that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) kind: &'static str,
    pub(super) name: RawText,
    /// Of an extension.
    pub(super) version: String,
    /// Whether the login may not even say who has rights on it.
    pub(super) foreign: bool,
    address: Address,
}

/// Extensions and schemas of the dump that the login cannot drop, or not make again. They become such that stay.
pub(super) async fn foreign(session: &Session, live: &mut Live) -> Result<Vec<Kept>> {
    let mut kept = Vec::new();
    for (kind, sql, name) in [("EXTENSION", EXTENSIONS, "e.extname"), ("SCHEMA", SCHEMAS, "n.nspname")] {
        for row in session.rows(&sql.replace("{name}", &bytes_of(name)), &[]).await? {
            let address = Address {
                class: get(&row, 2)?,
                id: get(&row, 3)?,
            };
            let ours: bool = get(&row, 4)?;
            if !ours && live.gone.contains(&address) {
                live.keep(address);
                kept.push(Kept {
                    kind,
                    name: get_raw(&row, 0)?,
                    version: get(&row, 1)?,
                    foreign: true,
                    address,
                });
            }
        }
    }
    Ok(kept)
}

/// Schemas in which something stays.
pub(super) async fn schemas(session: &Session, live: &mut Live, ids: &[u32]) -> Result<Vec<Kept>> {
    let sql = format!(
        "SELECT {}, oid, 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid FROM pg_catalog.pg_namespace WHERE oid = ANY ($1::pg_catalog.oid[])",
        bytes_of("nspname")
    );
    let mut kept = Vec::new();
    for row in session.rows(&sql, &[&ids]).await? {
        let address = Address {
            class: get(&row, 2)?,
            id: get(&row, 1)?,
        };
        live.keep(address);
        kept.push(Kept {
            kind: "SCHEMA",
            name: get_raw(&row, 0)?,
            version: String::new(),
            foreign: false,
            address,
        });
    }
    Ok(kept)
}

/// Tables of kept extensions for which the dump has rows: they would be added to those that are there.
pub(super) async fn filled(session: &Session, kept: &[Kept], contents: &Contents) -> Result<Vec<String>> {
    let extensions: Vec<u32> = kept
        .iter()
        .filter(|kept| kept.kind == "EXTENSION")
        .map(|kept| kept.address.id)
        .collect();
    let sql = format!(
        "SELECT {}, {} FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_class c ON c.oid = ANY (e.extconfig) \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE e.oid = ANY ($1::pg_catalog.oid[])",
        bytes_of("n.nspname"),
        bytes_of("c.relname")
    );
    let dumped: BTreeSet<&QualifiedName> = contents.data.iter().map(|data| &data.table).collect();
    let mut names = Vec::new();
    for row in session.rows(&sql, &[&extensions]).await? {
        let table = QualifiedName {
            schema: get_raw(&row, 0)?,
            name: get_raw(&row, 1)?,
        };
        if dumped.contains(&table) {
            names.push(table.dotted());
        }
    }
    Ok(readable(session, &names).await)
}

/// Entries of the dump that do nothing to them: kinds and tags.
pub(super) async fn entries(
    session: &Session,
    contents: &Contents,
    kept: &[Kept],
) -> Result<BTreeSet<(&'static str, Vec<u8>)>> {
    let names = kept.iter().map(|kept| kept.name.clone()).collect();
    let names = as_dumped(session, contents, names).await?;
    Ok(kept
        .iter()
        .zip(&names)
        .flat_map(|(kept, name)| kept.entries(name))
        .collect())
}

impl Kept {
    fn entries(&self, name: &RawText) -> Vec<(&'static str, Vec<u8>)> {
        let mut entries = vec![(self.kind, name.as_bytes().to_vec())];
        if self.foreign {
            let plain = name.to_chars();
            let quoted = format!("\"{}\"", plain.replace('"', "\"\""));
            for name in [plain, quoted] {
                let tag = RawText::from_chars(&format!("{} {name}", self.kind))
                    .as_bytes()
                    .to_vec();
                entries.extend(["COMMENT", "ACL", "SECURITY LABEL"].map(|kind| (kind, tag.clone())));
            }
        }
        entries
    }
}

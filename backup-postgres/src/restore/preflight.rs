//! What a restore needs on the server before it begins.

use crate::{Session, archive::Contents, connection::get};
use backup_core::Result;

/// Roles that own something in the dump and that the server does not have: the restore would fail on the first of them. `restore --globals` makes them.
///
/// # Errors
/// `SourceFailed`.
pub async fn missing_roles(session: &Session, contents: &Contents) -> Result<Vec<String>> {
    let owners: Vec<&String> = contents.owners.iter().collect();
    let sql = "SELECT owner FROM unnest($1::text[]) AS owner \
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = owner) ORDER BY owner";
    session
        .rows(sql, &[&owners])
        .await?
        .iter()
        .map(|row| get(row, 0))
        .collect()
}

//! What a restore needs on the server before it begins.

use crate::{
    Session,
    archive::Contents,
    connection::get,
    sql::{grantees, statements},
};
use backup_core::Result;

/// Roles that own something in the dump, or have privileges or policies in it, and that the server does not have: the restore would fail on the first of
/// them. `restore --globals` makes them.
///
/// # Errors
/// `SourceFailed`.
pub async fn missing_roles(session: &Session, contents: &Contents) -> Result<Vec<String>> {
    missing(session, contents.owners.iter().chain(&contents.grantees)).await
}

/// Those that the privileges of the database itself name: only a restore into a fresh database gives them.
pub(crate) async fn missing_roles_of_database(session: &Session, contents: &Contents) -> Result<Vec<String>> {
    let properties = contents.database.iter().flat_map(|database| &database.properties);
    let privileges = properties
        .flat_map(|property| statements(property))
        .filter(|statement| statement.starts_with("GRANT ") || statement.starts_with("REVOKE "));
    let roles: Vec<String> = privileges.filter_map(grantees).flatten().collect();
    missing(session, roles.iter()).await
}

async fn missing(session: &Session, roles: impl Iterator<Item = &String>) -> Result<Vec<String>> {
    let roles: Vec<&String> = roles.collect();
    let sql = "SELECT DISTINCT role FROM pg_catalog.unnest($1::text[]) AS role \
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role) ORDER BY role";
    session
        .rows(sql, &[&roles])
        .await?
        .iter()
        .map(|row| get(row, 0))
        .collect()
}

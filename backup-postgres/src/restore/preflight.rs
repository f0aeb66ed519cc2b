//! What a restore needs on the server before it begins.

use crate::{
    RawText, Session,
    archive::Contents,
    raw_text::{bytes_of, get_raw},
    readable::readable,
    sql::{grantees, identifier, statements},
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

/// Those that settings and privileges of the database itself name: only a restore into a fresh database gives them.
pub(crate) async fn missing_roles_of_database(session: &Session, contents: &Contents) -> Result<Vec<String>> {
    let properties = contents.database.iter().flat_map(|database| &database.properties);
    let roles: Vec<RawText> = properties.flat_map(roles_of_property).collect();
    missing(session, roles.iter()).await
}

fn roles_of_property(property: &RawText) -> Vec<RawText> {
    let property = property.to_chars();
    let named = |statement: &str| match statement.strip_prefix("ALTER ROLE ") {
        Some(rest) => identifier::split(rest).map(|(role, ..)| vec![role]),
        None if statement.starts_with("GRANT ") || statement.starts_with("REVOKE ") => grantees(statement),
        None => None,
    };
    let roles = statements(&property).into_iter().filter_map(named).flatten();
    roles.map(|role| RawText::from_chars(&role)).collect()
}

/// Tablespaces of the dump that the server does not have; `fresh` asks for that of the database itself, too.
///
/// # Errors
/// `SourceFailed`.
pub(crate) async fn missing_tablespaces(session: &Session, contents: &Contents, fresh: bool) -> Result<Vec<String>> {
    let own = contents.database.iter().filter(|_| fresh).filter_map(|database| {
        let create = database.create.to_chars();
        let (name, ..) = identifier::split(create.split_once(" TABLESPACE = ")?.1)?;
        Some(RawText::from_chars(&name))
    });
    let own: Vec<RawText> = own.collect();
    let names: Vec<&[u8]> = contents.tablespaces.iter().chain(&own).map(RawText::as_bytes).collect();
    let sql = format!(
        "SELECT DISTINCT name FROM pg_catalog.unnest($1::pg_catalog.bytea[]) AS name \
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_tablespace WHERE {} = name) ORDER BY name",
        bytes_of("spcname")
    );
    let rows = session.rows(&sql, &[&names]).await?;
    let names: Vec<RawText> = rows.iter().map(|row| get_raw(row, 0)).collect::<Result<_>>()?;
    Ok(readable(session, &names).await)
}

/// Names of roles are bytes in the encoding of whatever database their maker was in; a dump has the same bytes.
async fn missing(session: &Session, roles: impl Iterator<Item = &RawText>) -> Result<Vec<String>> {
    let roles: Vec<&[u8]> = roles.map(RawText::as_bytes).collect();
    let sql = format!(
        "SELECT DISTINCT role FROM pg_catalog.unnest($1::pg_catalog.bytea[]) AS role \
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE {} = role) ORDER BY role",
        bytes_of("rolname")
    );
    let rows = session.rows(&sql, &[&roles]).await?;
    let names: Vec<RawText> = rows.iter().map(|row| get_raw(row, 0)).collect::<Result<_>>()?;
    Ok(readable(session, &names).await)
}

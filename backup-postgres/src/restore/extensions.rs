//! Extensions that a restore needs and that its login may not create.

use crate::{
    RawText, Session,
    archive::Contents,
    raw_text::{bytes_of, get_raw},
    readable::readable,
    sql::identifier,
};
use backup_core::{Error, ErrorKind, Result};

/// Those of `$1` that are not there (unless the database is made anew), and that the login may not create, or for which the server has no files.
const UNCREATABLE: &str = "SELECT name FROM pg_catalog.unnest($1::pg_catalog.bytea[]) AS w(name), pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER \
    AND ($2 OR NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE {installed} = name)) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions a JOIN pg_catalog.pg_available_extension_versions v \
        ON v.name = a.name AND v.version = a.default_version WHERE {available} = w.name AND (r.rolsuper OR v.trusted OR NOT v.superuser))";

/// Before anything is touched: `fresh` says that the database is made anew, and has none of them; else the session is in it.
///
/// # Errors
/// `Refused`, with the statements that a superuser has to run.
pub(crate) async fn demand_extensions(
    session: &Session,
    database: &str,
    contents: &Contents,
    fresh: bool,
) -> Result<()> {
    let wanted: Vec<(RawText, &RawText)> = contents
        .extensions
        .iter()
        .filter_map(|sql| Some((name(sql)?, sql)))
        .collect();
    let names: Vec<&[u8]> = wanted.iter().map(|(name, _)| name.as_bytes()).collect();
    let sql = UNCREATABLE
        .replace("{installed}", &bytes_of("e.extname"))
        .replace("{available}", &bytes_of("a.name"));
    let mut missing = Vec::new();
    for row in session.rows(&sql, &[&names, &fresh]).await? {
        missing.push(get_raw(&row, 0)?);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let statements = wanted
        .iter()
        .filter(|(name, _)| missing.contains(name))
        .map(|(_, sql)| by_hand(sql))
        .collect::<Vec<_>>();
    let message = format!(
        "this login cannot create extensions of the dump, or the server has no files of them: {}",
        readable(session, &missing).await.join(", ")
    );
    let (first, then) = if fresh {
        (
            format!("create database {database} as a superuser with the owner that it shall have, and in it run: "),
            "then restore with --into-prepared",
        )
    } else {
        (format!("in {database}, as a superuser, run: "), "then try again")
    };
    let statements = readable(session, &statements).await.join(" ");
    Err(Error::new(ErrorKind::Refused, message).hint(format!("{first}{statements} {then}")))
}

/// `CREATE EXTENSION IF NOT EXISTS name WITH SCHEMA schema;`
fn name(sql: &RawText) -> Option<RawText> {
    let text = sql.to_chars();
    let (name, ..) = identifier::split(text.strip_prefix("CREATE EXTENSION IF NOT EXISTS ")?)?;
    Some(RawText::from_chars(&name))
}

/// With the schema that it is in.
fn by_hand(sql: &RawText) -> RawText {
    let text = sql.to_chars();
    let statement = text.trim();
    let schema = statement
        .split_once(" WITH SCHEMA ")
        .map(|(_, schema)| schema.trim_end_matches(';'));
    match schema.filter(|schema| !matches!(*schema, "public" | "pg_catalog")) {
        Some(schema) => RawText::from_chars(&format!("CREATE SCHEMA IF NOT EXISTS {schema}; {statement}")),
        None => RawText::from_chars(statement),
    }
}

//! Names for people.

use crate::{RawText, Session, connection::get};

/// `names` of the session's database as text. Where the server cannot read one of them in the database's encoding (`SQL_ASCII` has none), bytes that are no
/// UTF-8 are shown as such.
pub(crate) async fn readable(session: &Session, names: &[RawText]) -> Vec<String> {
    if names.iter().all(|name| name.as_bytes().is_ascii()) {
        return names.iter().map(ToString::to_string).collect();
    }
    let converted = converted(session, names).await;
    let read = converted.map_err(|error| tracing::debug!("names are shown as bytes: {}", error.chain()));
    read.ok()
        .filter(|texts| texts.len() == names.len())
        .unwrap_or_else(|| names.iter().map(ToString::to_string).collect())
}

async fn converted(session: &Session, names: &[RawText]) -> backup_core::Result<Vec<String>> {
    let sql = "SELECT pg_catalog.convert(name, pg_catalog.getdatabaseencoding(), 'UTF8') \
        FROM pg_catalog.unnest($1::pg_catalog.bytea[]) WITH ORDINALITY AS given(name, place) ORDER BY place";
    let bytes: Vec<&[u8]> = names.iter().map(RawText::as_bytes).collect();
    let rows = session.rows(sql, &[&bytes]).await?;
    let text = |row| Ok(RawText::from(get::<Vec<u8>>(row, 0)?).to_string());
    rows.iter().map(text).collect()
}

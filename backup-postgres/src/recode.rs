//! A dump whose encoding is not that of its database, as `PGCLIENTENCODING` makes it.

use crate::{
    RawText, Session,
    archive::{Contents, Objects, QualifiedName},
    connection::get,
    raw_text::bytes_of,
};
use backup_core::{Error, ErrorKind, Result};
use std::{collections::BTreeMap, mem::take};

/// `contents` with its names as the server has them once they are restored: in the encoding of `live`, the database that is there, or of the one that the dump
/// creates.
///
/// # Errors
/// `SourceFailed`, also where the server cannot convert a name: it could not restore it either.
pub(crate) async fn recoded(session: &Session, contents: Contents, live: Option<&str>) -> Result<Contents> {
    let to = match live {
        Some(database) => encoding_of(session, database).await?,
        None => contents
            .database
            .as_ref()
            .and_then(|database| encoding_in(&database.create)),
    };
    let differ = |(from, to): &(String, String)| from != to && ![from, to].iter().any(|name| *name == "SQL_ASCII");
    match contents.encoding.clone().zip(to).filter(differ) {
        Some((from, to)) => renamed(session, contents, (&from, &to)).await,
        None => Ok(contents),
    }
}

async fn encoding_of(session: &Session, database: &str) -> Result<Option<String>> {
    let sql = format!(
        "SELECT pg_catalog.pg_encoding_to_char(encoding)::pg_catalog.text FROM pg_catalog.pg_database WHERE {} = $1",
        bytes_of("datname")
    );
    let rows = session.rows(&sql, &[&database.as_bytes()]).await?;
    rows.first().map(|row| get(row, 0)).transpose()
}

/// `… ENCODING = 'UTF8' …`
fn encoding_in(create: &RawText) -> Option<String> {
    let create = create.to_chars();
    Some(create.split_once(" ENCODING = '")?.1.split_once('\'')?.0.to_owned())
}

/// `names` of the session's database, or statements with such names, in the encoding of the dump: the session of `pg_restore` has that one.
///
/// # Errors
/// `SourceFailed`.
pub(crate) async fn as_dumped(session: &Session, contents: &Contents, names: Vec<RawText>) -> Result<Vec<RawText>> {
    let Some((live, dump)) = encodings(session, contents).await? else {
        return Ok(names);
    };
    let known = converted(session, names.clone(), (&live, &dump)).await?;
    Ok(names
        .into_iter()
        .map(|name| known.get(&name).cloned().unwrap_or(name))
        .collect())
}

/// Those of the session's database and of the dump, where something is converted between them.
async fn encodings(session: &Session, contents: &Contents) -> Result<Option<(String, String)>> {
    let sql = "SELECT pg_catalog.getdatabaseencoding()::pg_catalog.text";
    let live: String = get(&session.one(sql, &[]).await?, 0)?;
    let differ = |dump: &String| *dump != live && ![dump, &live].iter().any(|name| *name == "SQL_ASCII");
    Ok(contents
        .encoding
        .clone()
        .filter(differ)
        .map(|dump| (live.clone(), dump)))
}

async fn renamed(session: &Session, mut contents: Contents, (from, to): (&str, &str)) -> Result<Contents> {
    let mut names: Vec<RawText> = Vec::new();
    visit(&mut contents, |name| names.push(name.clone()));
    names.retain(|name| !name.as_bytes().is_ascii());
    if !names.is_empty() {
        let known = converted(session, names, (from, to)).await?;
        visit(&mut contents, |name| {
            if let Some(name_there) = known.get(name) {
                *name = name_there.clone();
            }
        });
    }
    Ok(contents)
}

async fn converted(
    session: &Session,
    names: Vec<RawText>,
    (from, to): (&str, &str),
) -> Result<BTreeMap<RawText, RawText>> {
    let sql = "SELECT pg_catalog.convert(name, $2::pg_catalog.text::pg_catalog.name, $3::pg_catalog.text::pg_catalog.name) \
        FROM pg_catalog.unnest($1::pg_catalog.bytea[]) WITH ORDINALITY AS given(name, place) ORDER BY place";
    let bytes: Vec<&[u8]> = names.iter().map(RawText::as_bytes).collect();
    let rows = session.rows(sql, &[&bytes, &from, &to]).await?;
    let there: Vec<Vec<u8>> = rows.iter().map(|row| get(row, 0)).collect::<Result<_>>()?;
    if there.len() != names.len() {
        return Err(Error::new(
            ErrorKind::SourceFailed,
            "the server converted fewer names than it was given",
        ));
    }
    Ok(names.into_iter().zip(there.into_iter().map(RawText::from)).collect())
}

/// Every name, and every statement that has names in it. The name of the database in the header is what the client program was given.
fn visit(contents: &mut Contents, mut each: impl FnMut(&mut RawText)) {
    let data = contents.data.iter_mut().map(|data| &mut data.table);
    for QualifiedName { schema, name } in contents.tables.iter_mut().chain(data) {
        each(schema);
        each(name);
    }
    for roles in [&mut contents.owners, &mut contents.grantees, &mut contents.tablespaces] {
        let mut names: Vec<RawText> = take(roles).into_iter().collect();
        names.iter_mut().for_each(&mut each);
        *roles = names.into_iter().collect();
    }
    if let Some(objects) = &mut contents.objects {
        visit_objects(objects, &mut each);
    }
    if let Some(database) = &mut contents.database {
        each(&mut database.create);
        each(&mut database.owner);
        database.properties.iter_mut().for_each(each);
    }
}

fn visit_objects(objects: &mut Objects, mut each: impl FnMut(&mut RawText)) {
    for mut object in take(&mut objects.named) {
        each(&mut object.schema);
        each(&mut object.name);
        objects.named.insert(object);
    }
    for (mut holder, mut definition) in take(&mut objects.rights) {
        for text in [&mut holder.schema, &mut holder.tag, &mut holder.role, &mut definition] {
            each(text);
        }
        objects.rights.insert(holder, definition);
    }
}

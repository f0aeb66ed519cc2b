//! What a dump says of the database itself, turned to another name.

use crate::{RawText, archive::DatabaseEntry, connection::quoted, sql::identifier};
use backup_core::{Error, ErrorKind, Result};

/// The dump's statement with another name, and the owner that `pg_dump` keeps beside it.
pub(super) fn create_statement(entry: &DatabaseEntry, name: &str) -> Result<String> {
    let foreign = || Error::new(ErrorKind::Damaged, "the dump does not say how its database was created");
    let create = entry.create.to_chars();
    let rest = create.strip_prefix("CREATE DATABASE ").ok_or_else(foreign)?;
    let (_, _, rest) = identifier::split(rest).ok_or_else(foreign)?;
    let options = rest.trim().trim_end_matches(';');
    let known = options.is_empty() || options.starts_with("WITH ");
    if options.contains(';') || !options.is_ascii() || !known {
        return Err(foreign());
    }
    let options = if options.is_empty() {
        "WITH TEMPLATE = template0"
    } else {
        options
    };
    // An owner whose name is of another encoding gets it later.
    let owner = match entry.owner.as_str() {
        Some(owner) if !owner.is_empty() => format!(" OWNER = {}", quoted(owner)),
        _ => String::new(),
    };
    Ok(format!("CREATE DATABASE {} {options}{owner}", quoted(name)))
}

/// Statements about the dumped database, turned to `name`: the first mention in each line that begins a statement.
pub(super) fn properties(entry: &DatabaseEntry, name: &str) -> Vec<RawText> {
    let create = entry.create.to_chars();
    let written = create.strip_prefix("CREATE DATABASE ").and_then(identifier::split);
    let Some((_, written, _)) = written else {
        return Vec::new();
    };
    let new = RawText::from(quoted(name).as_str()).to_chars();
    let (old, new) = (format!(" DATABASE {written} "), format!(" DATABASE {new} "));
    let owner = match entry.owner.as_str() {
        Some(_) => None,
        None => Some(format!("ALTER{new}OWNER TO {}", quoted(&entry.owner.to_chars()))),
    };
    let statements = entry
        .properties
        .iter()
        .map(|statement| turned(&statement.to_chars(), &old, &new));
    owner
        .into_iter()
        .chain(statements)
        .map(|statement| RawText::from_chars(&statement))
        .collect()
}

fn turned(statement: &str, old: &str, new: &str) -> String {
    let verbs = ["ALTER ", "GRANT ", "REVOKE ", "COMMENT ", "SECURITY "];
    let turn = |line: &str| {
        if verbs.iter().any(|verb| line.starts_with(verb)) {
            line.replacen(old, new, 1)
        } else {
            line.to_owned()
        }
    };
    statement.split('\n').map(turn).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: &str =
        "CREATE DATABASE platform_money WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C.UTF-8';\n\n\n";

    fn entry(create: &str, owner: impl Into<RawText>, properties: &[&str]) -> DatabaseEntry {
        DatabaseEntry {
            create: create.into(),
            owner: owner.into(),
            properties: properties.iter().map(|statement| RawText::from(*statement)).collect(),
        }
    }

    #[test]
    fn a_fresh_database_is_created_as_the_dumped_one_was() {
        assert_eq!(
            create_statement(&entry(CREATE, "o\"x", &[]), "n").unwrap(),
            r#"CREATE DATABASE "n" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C.UTF-8' OWNER = "o""x""#
        );
        for foreign in [
            "DROP DATABASE x;",
            "CREATE DATABASE x WITH y; DROP DATABASE z;",
            "CREATE DATABASE x; DROP ROLE y;",
        ] {
            assert_eq!(
                create_statement(&entry(foreign, "o", &[]), "n").unwrap_err().kind(),
                ErrorKind::Damaged,
                "{foreign}"
            );
        }
    }

    #[test]
    fn properties_are_turned_to_the_fresh_database() {
        let statement =
            "ALTER DATABASE platform_money SET work_mem TO '1MB';\nGRANT ALL ON DATABASE platform_money TO x;";
        assert_eq!(
            properties(&entry(CREATE, "o", &[statement]), "n"),
            ["ALTER DATABASE \"n\" SET work_mem TO '1MB';\nGRANT ALL ON DATABASE \"n\" TO x;"]
        );
    }

    #[test]
    fn an_owner_whose_name_is_no_utf8_gets_the_database_byte_for_byte() {
        let entry = entry(CREATE, b"m\xfcller".to_vec(), &[]);
        assert!(!create_statement(&entry, "n").unwrap().contains("OWNER"));
        assert_eq!(
            properties(&entry, "ü"),
            [RawText::from(
                b"ALTER DATABASE \"\xc3\xbc\" OWNER TO \"m\xfcller\"".to_vec()
            )]
        );
    }
}

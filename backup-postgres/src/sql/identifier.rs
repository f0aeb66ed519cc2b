//! Names in the SQL that `pg_dump` writes.

/// Splits the name at the beginning of `sql` off: the name itself, the name as written, and what follows. `None` where there is none.
pub(crate) fn split(sql: &str) -> Option<(String, &str, &str)> {
    let end = match sql.strip_prefix('"') {
        Some(rest) => closing_quote(rest)? + 2,
        None => sql
            .find(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | '$')))
            .unwrap_or(sql.len()),
    };
    let (written, rest) = sql.split_at(end);
    let name = match written.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => written.to_owned(),
    };
    (!name.is_empty()).then_some((name, written, rest))
}

/// The place of the quote that ends a quoted name; a doubled one is part of it.
fn closing_quote(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find('"')?;
        if !text[at + 1..].starts_with('"') {
            return Some(at);
        }
        from = at + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_quoted_names_are_split_off() {
        assert_eq!(
            split("platform_money WITH x"),
            Some(("platform_money".into(), "platform_money", " WITH x"))
        );
        assert_eq!(
            split(r#""a ""b"" c" WITH"#),
            Some((r#"a "b" c"#.into(), r#""a ""b"" c""#, " WITH"))
        );
        assert_eq!(split("x;"), Some(("x".into(), "x", ";")));
        assert_eq!(split("\"open"), None);
        assert_eq!(split(""), None);
    }
}

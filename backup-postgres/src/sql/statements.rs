//! A script, statement by statement.

/// The statements of `script`, each with its semicolon and without the comments before it. A line for `psql` itself (`\restrict`) counts as one.
pub(crate) fn statements(script: &str) -> Vec<&str> {
    let bytes = script.as_bytes();
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        // Bytes: a character outside of quotes may be of several, in a dump that is damaged.
        let begins = bytes[start..at].trim_ascii().is_empty();
        match bytes[at] {
            b'\'' | b'"' => at = after_quoted(script, at),
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at = after_line(script, at);
                if begins {
                    start = at;
                }
            }
            b'\\' if begins => {
                at = after_line(script, at);
                found.push(script[start..at].trim());
                start = at;
            }
            b';' => {
                at += 1;
                found.push(script[start..at].trim());
                start = at;
            }
            _ => at += 1,
        }
    }
    let rest = script[start..].trim();
    if !rest.is_empty() {
        found.push(rest);
    }
    found
}

/// The place after the quote that ends what the one at `at` begins. A doubled quote ends one text and begins the next, which comes to the same.
pub(super) fn after_quoted(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let inside = &bytes[at + 1..];
    match inside.iter().position(|byte| *byte == bytes[at]) {
        Some(length) => at + length + 2,
        None => bytes.len(),
    }
}

pub(super) fn after_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_script_falls_into_its_statements_whatever_stands_in_its_strings() {
        let script = "--\n-- Roles; all\n--\n\n\\restrict x\nSET a = on;\nCREATE ROLE \"a;b\"\"\";\nCOMMENT ON ROLE x IS 'it''s;\n-- two lines';\nGRANT a TO b";
        assert_eq!(
            statements(script),
            [
                "\\restrict x",
                "SET a = on;",
                "CREATE ROLE \"a;b\"\"\";",
                "COMMENT ON ROLE x IS 'it''s;\n-- two lines';",
                "GRANT a TO b",
            ]
        );
        assert!(statements("-- nothing\n\n").is_empty());
        assert_eq!(statements("SELECT 'open"), ["SELECT 'open"]);
    }

    #[test]
    fn characters_of_several_bytes_are_read_wherever_they_stand() {
        assert_eq!(
            statements("GR\u{fffd}NT a TO ü;\u{3000}GRANT b;-- ü\n\\ü"),
            ["GR\u{fffd}NT a TO ü;", "GRANT b;", "\\ü"]
        );
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_read(text in "(GRANT |REVOKE | TO |'|\"|;|--|\n|\\\\|ü|\u{3000}|x|\\PC){0,40}") {
            let found = statements(&text);
            prop_assert!(found.iter().all(|statement| text.contains(statement)));
            let (_, _) = (crate::sql::grantees(&text), crate::sql::identifier::split(&text));
        }
    }
}

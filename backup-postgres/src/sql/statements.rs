//! A script, statement by statement.

/// The statements of `script`, each with its semicolon and without the comments before it. A line for `psql` itself (`\restrict`) counts as one.
pub(crate) fn statements(script: &str) -> Vec<&str> {
    let bytes = script.as_bytes();
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let begins = script[start..at].trim().is_empty();
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
}

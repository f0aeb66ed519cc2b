//! Commands for `psql` in a script.

use super::statements::{after_line, after_quoted};

/// Whether `psql` does with `script` nothing but to send its statements, and finds their quotes where we do.
///
/// `psql` obeys a backslash anywhere outside of quotes: `\!` runs a program, `\connect` shows the password to another server. What `pg_dumpall` never
/// writes counts as such a command: quotes by dollars, comments by `/*`, a quote that a backslash escapes. `escapes`: so it does in strings that do not
/// begin with E, too (`standard_conforming_strings` is off).
pub(crate) fn is_only_statements(script: &str, escapes: bool) -> bool {
    let (bytes, mut at) = (script.as_bytes(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\'' | b'"' => {
                let end = after_quoted(script, at);
                let may_escape = bytes[at] == b'\'' && (escapes || is_escape_string(bytes, at));
                if may_escape && ends_in_backslash(&bytes[at + 1..end.saturating_sub(1)]) {
                    return false;
                }
                at = end;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => at = after_line(script, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => return false,
            b'$' => return false,
            b'\\' => {
                let end = after_line(script, at);
                if !(at == 0 || bytes[at - 1] == b'\n') || !restricts(script[at..end].trim_end()) {
                    return false;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    true
}

/// `\restrict TOKEN` and `\unrestrict TOKEN`, which newer versions write around their output.
fn restricts(line: &str) -> bool {
    let token = line
        .strip_prefix("\\restrict ")
        .or_else(|| line.strip_prefix("\\unrestrict "));
    token.is_some_and(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Whether the quote at `at` follows an E that is not the end of a name.
fn is_escape_string(bytes: &[u8], at: usize) -> bool {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80;
    let prefixed = at > 0 && matches!(bytes[at - 1], b'e' | b'E');
    prefixed && !(at > 1 && named(bytes[at - 2]))
}

fn ends_in_backslash(inside: &[u8]) -> bool {
    inside.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pg_dumpall_writes_is_only_statements() {
        for fine in [
            "\\restrict aB3\nSET x = 'a\\b';\n\\unrestrict aB3\n",
            "ALTER ROLE \"a\\b$\" PASSWORD 'SCRAM-SHA-256$4096:x/*y';\n-- a \\! comment\n",
            "COMMENT ON ROLE a IS 'C:\\';\nCOMMENT ON ROLE b IS E'it''s \\\\';\n",
            "GRANT a TO tree;\nCOMMENT ON ROLE tree IS 'x\\';",
        ] {
            assert!(is_only_statements(fine, false), "{fine}");
        }
        assert!(!is_only_statements("COMMENT ON ROLE a IS 'C:\\';", true));
    }

    #[test]
    fn commands_are_found_wherever_they_stand() {
        for bad in [
            "\\! touch /tmp/x",
            "CREATE ROLE a;\n  \\connect - - evil",
            "CREATE ROLE a \\! touch /tmp/x",
            "CREATE ROLE a; \\! touch /tmp/x",
            "\\restrict a\\! x",
            "\\restrict ",
            "COMMENT ON ROLE a IS 'x' \\g /tmp/x",
            "COMMENT ON ROLE a IS E'\\'' \\! touch /tmp/x '';",
            "DO $$ ' $$; \\! touch /tmp/x '",
            "/* ' */ \\! touch /tmp/x '",
        ] {
            assert!(!is_only_statements(bad, false), "{bad}");
        }
    }
}

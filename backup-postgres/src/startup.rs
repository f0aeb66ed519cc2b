//! What every session begins with, ours and those of the client programs.
//!
//! Whoever owns a database may give it settings (`ALTER DATABASE … SET`), and put functions, operators and views where a name leads to them. A session of
//! ours has more rights than he has. So what decides whose code runs, or what is read and written, stands in the start-up message: a parameter
//! of the connection beats those of role, database and server.

use crate::ServerVersion;

/// Parameters that any role may set, with the values that our statements and those of the client programs are written for.
///
/// - `search_path`: empty, so that a name without a schema is the server's own (CVE-2018-1058).
/// - `row_security`: a policy is code of the table's owner; where one would apply, the statement fails instead.
/// - `local_preload_libraries`: no library comes into our sessions.
/// - `array_nulls`: off, an array that is restored has the text `NULL` in the place of a null, and no error says so.
/// - `standard_conforming_strings`: our own literals hold backslashes.
/// - the others make statements fail that only want to write, or change how values are written as text.
const PINNED: [(&str, &str); 11] = [
    ("search_path", ""),
    ("row_security", "off"),
    ("local_preload_libraries", ""),
    ("default_transaction_read_only", "off"),
    ("default_transaction_isolation", "read\\ committed"),
    ("default_transaction_deferrable", "off"),
    ("array_nulls", "on"),
    ("standard_conforming_strings", "on"),
    ("quote_all_identifiers", "off"),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
];

/// What somebody may have set on purpose, for the whole session: his own options come later and win.
const UNLESS_ASKED: [(&str, &str); 5] = [
    ("role", "none"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    // Since version 14, the oldest that is supported. It may be shorter than the way to the first statement.
    ("idle_session_timeout", "0"),
];

/// The `options` of a start-up message; `asked` are the operator's own (`PGOPTIONS`), which cannot undo what is pinned.
pub(crate) fn options(asked: Option<&str>) -> String {
    let written = |parameters: &[(&str, &str)]| {
        let one = |(name, value): &(&str, &str)| format!("-c {name}={value}");
        parameters.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    [&written(&UNLESS_ASKED), asked.unwrap_or_default(), &written(&PINNED)].join(" ")
}

/// The time limit of whole transactions, since version 17: an older server refuses its name, so it is set once the version is known.
pub(crate) fn transaction_timeout(version: ServerVersion) -> Option<&'static str> {
    (version.major() >= 17).then_some("transaction_timeout")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_asks_for_cannot_undo_what_is_pinned() {
        let options = options(Some("-c search_path=public -c statement_timeout=5"));
        let last = |name: &str| options.rsplit("-c ").find(|part| part.starts_with(name)).map(str::trim);
        assert_eq!(last("search_path"), Some("search_path="));
        assert_eq!(last("statement_timeout"), Some("statement_timeout=5"));
    }
}

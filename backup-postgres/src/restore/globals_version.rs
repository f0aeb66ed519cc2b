//! Roles and tablespaces of one version of PostgreSQL on a server of another.

use crate::{
    ServerVersion,
    sql::{identifier, statements},
};
use backup_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// Since this version each membership says whether it is inherited and may be used, and who grants one must be allowed to.
const EXACT_MEMBERSHIPS: u32 = 16;
/// Since this version privileges can be on parameters of the server.
const PARAMETER_PRIVILEGES: u32 = 15;

/// `script` as a server of version `server` takes it.
///
/// # Errors
/// `Refused` if it holds what only a newer server knows: nothing of it is run.
pub(super) fn known_to(server: ServerVersion, script: Zeroizing<String>) -> Result<Zeroizing<String>> {
    if server.major() >= EXACT_MEMBERSHIPS {
        return Ok(without_unchecked_grantors(&script));
    }
    match statements(&script).into_iter().filter_map(since).max() {
        Some(newer) if newer > server.major() => Err(Error::new(
            ErrorKind::Refused,
            format!("the roles were dumped from a server {newer} or newer, and this server is older: {server}"),
        )
        .hint("restore them onto a server of that version, or make the roles that are missing by hand: `backup-admin cat` shows the dump")),
        _ => Ok(script),
    }
}

/// The version since when a server knows such a statement, if not each that is supported does.
fn since(statement: &str) -> Option<u32> {
    if let Some((_, _, rest)) = membership(statement) {
        let options = rest.split(" GRANTED BY ").next()?;
        return options.contains("INHERIT ").then_some(EXACT_MEMBERSHIPS);
    }
    let grants = statement.starts_with("GRANT ") || statement.starts_with("REVOKE ");
    (grants && statement.contains(" ON PARAMETER ")).then_some(PARAMETER_PRIVILEGES)
}

/// Older servers wrote down who had granted a membership and never looked at it again: he may not be allowed to any more, and his own right may come later in
/// the dump. So whoever restores grants it, as it is with a newer `pg_dumpall` of such a server.
fn without_unchecked_grantors(script: &str) -> Zeroizing<String> {
    let mut kept = Zeroizing::new(String::with_capacity(script.len()));
    for statement in statements(script) {
        match unchecked_grantor(statement) {
            Some(grant) => kept.push_str(&format!("{grant};")),
            None => kept.push_str(statement),
        }
        kept.push('\n');
    }
    kept
}

/// `GRANT team TO member WITH ADMIN OPTION`, if `GRANTED BY somebody;` follows.
fn unchecked_grantor(statement: &str) -> Option<&str> {
    let (_, _, rest) = membership(statement)?;
    let by = rest.strip_prefix(" WITH ADMIN OPTION").unwrap_or(rest);
    let (_, _, end) = identifier::split(by.strip_prefix(" GRANTED BY ")?)?;
    (end == ";").then(|| &statement[..statement.len() - by.len()])
}

/// Role, member, and what follows.
fn membership(statement: &str) -> Option<(String, String, &str)> {
    let (role, _, rest) = identifier::split(statement.strip_prefix("GRANT ")?)?;
    let (member, _, rest) = identifier::split(rest.strip_prefix(" TO ")?)?;
    Some((role, member, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(server: u32, script: &str) -> Result<String> {
        let known = known_to(ServerVersion(server * 10_000), Zeroizing::new(script.to_owned()))?;
        Ok(known.to_string())
    }

    #[test]
    fn grantors_that_a_server_before_16_wrote_down_are_left_out_and_no_others() {
        let script = "GRANT a TO b GRANTED BY c;\nGRANT \"a b\" TO \"c d\" WITH ADMIN OPTION GRANTED BY \"e GRANTED BY f\";\n\
            GRANT a TO b WITH INHERIT TRUE GRANTED BY c;\nGRANT a TO b;\nGRANT ALL ON TABLESPACE fast TO team GRANTED BY x;\n";
        let known = "GRANT a TO b;\nGRANT \"a b\" TO \"c d\" WITH ADMIN OPTION;\nGRANT a TO b WITH INHERIT TRUE GRANTED BY c;\nGRANT a TO b;\n\
            GRANT ALL ON TABLESPACE fast TO team GRANTED BY x;\n";
        assert_eq!(on(16, script).unwrap(), known);
        let old = "GRANT a TO b WITH ADMIN OPTION GRANTED BY c;\n";
        assert_eq!(on(15, old).unwrap(), old);
    }

    #[test]
    fn what_only_a_newer_server_knows_is_refused() {
        let membership = "CREATE ROLE a;\nGRANT a TO b WITH ADMIN OPTION, INHERIT TRUE GRANTED BY c;\n";
        let parameter = "GRANT SET ON PARAMETER work_mem TO a;\n";
        let string = "COMMENT ON ROLE a IS 'GRANT ALL ON PARAMETER x WITH INHERIT TRUE';\n";
        for (server, script, taken) in [
            (15, membership, false),
            (14, membership, false),
            (16, membership, true),
            (14, parameter, false),
            (15, parameter, true),
            (14, string, true),
            (15, "GRANT a TO b GRANTED BY \"INHERIT TRUE\";\n", true),
        ] {
            let known = on(server, script);
            assert_eq!(known.is_ok(), taken, "{server}: {script}");
            if let Err(error) = known {
                assert_eq!((error.kind(), error.hints().len()), (ErrorKind::Refused, 1));
            }
        }
    }
}

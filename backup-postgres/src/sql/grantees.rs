//! The roles that privileges and policies name.

use super::{after_quoted, identifier, statements};

/// Words in the place of a role that are none. `pg_dump` quotes a role that is called so.
const NOBODY: [&str; 4] = ["PUBLIC", "CURRENT_USER", "CURRENT_ROLE", "SESSION_USER"];

/// What may follow the list of roles.
const AFTER: [&str; 4] = [";", "WITH ", "GRANTED BY ", "USING "];

/// The roles to which `script` gives or from which it takes, as `pg_dump` writes an ACL or a policy; `None` if it holds a statement that cannot be read.
pub(crate) fn grantees(script: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for statement in statements(script) {
        if let Some(role) = statement.strip_prefix("SET SESSION AUTHORIZATION ") {
            found.push(identifier::split(role)?.0);
        } else if statement != "RESET SESSION AUTHORIZATION;" {
            found.extend(named(statement)?);
        }
    }
    Some(found)
}

fn named(statement: &str) -> Option<Vec<String>> {
    let known = ["GRANT ", "REVOKE ", "ALTER DEFAULT PRIVILEGES ", "CREATE POLICY "];
    if !known.iter().any(|verb| statement.starts_with(verb)) {
        return None;
    }
    match list(statement) {
        Some(list) => roles(list),
        // A policy for everyone names nobody.
        None => statement.starts_with("CREATE POLICY ").then(Vec::new),
    }
}

/// What follows the first `TO` or `FROM` that stands by itself. Names in capitals are quoted, so it is no name; and roles stand before any expression.
fn list(statement: &str) -> Option<&str> {
    let mut at = 0;
    while at < statement.len() {
        let rest = &statement[at..];
        if rest.starts_with(['\'', '"']) {
            at = after_quoted(statement, at);
            continue;
        }
        if rest.starts_with(" USING ") || rest.starts_with(" WITH CHECK ") {
            return None;
        }
        if let Some(list) = rest.strip_prefix(" TO ").or_else(|| rest.strip_prefix(" FROM ")) {
            return Some(list);
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    None
}

fn roles(mut list: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    loop {
        let (name, written, rest) = identifier::split(list.trim_start())?;
        if !NOBODY.contains(&written) {
            found.push(name);
        }
        let rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => list = more,
            None => return AFTER.iter().any(|word| rest.starts_with(word)).then_some(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_found_in_every_form_that_pg_dump_writes() {
        let forms: [(&str, &[&str]); 9] = [
            ("GRANT SELECT ON TABLE public.t TO reader;\n", &["reader"]),
            (
                "REVOKE ALL ON SCHEMA public FROM PUBLIC;\nGRANT ALL ON SCHEMA public TO \"Odd \"\"TO\"\" one\" WITH GRANT OPTION;",
                &["Odd \"TO\" one"],
            ),
            (
                "GRANT SELECT(a),UPDATE(\" TO x\") ON TABLE public.\" FROM y\" TO z;",
                &["z"],
            ),
            (
                "SET SESSION AUTHORIZATION giver;\nGRANT SELECT ON TABLE public.t TO taker;\nRESET SESSION AUTHORIZATION;",
                &["giver", "taker"],
            ),
            (
                "ALTER DEFAULT PRIVILEGES FOR ROLE kernel IN SCHEMA public GRANT SELECT ON TABLES  TO reader;",
                &["reader"],
            ),
            (
                "CREATE POLICY p ON public.t FOR SELECT TO one, two USING ((x = ' TO three'::text));",
                &["one", "two"],
            ),
            ("CREATE POLICY p ON public.t USING ((x = ' TO y '::text));", &[]),
            ("CREATE POLICY p ON public.t TO one WITH CHECK (true);", &["one"]),
            ("CREATE POLICY p ON public.t TO one;", &["one"]),
        ];
        for (script, roles) in forms {
            assert_eq!(grantees(script).unwrap(), roles, "{script}");
        }
    }

    #[test]
    fn what_cannot_be_read_names_nobody() {
        for script in [
            "GRANT SELECT ON TABLE t TO 'x';",
            "GRANT SELECT ON TABLE t TO x AND MORE;",
            "GRANT SELECT ON TABLE t TO x",
            "DROP TABLE t;",
            "GRANT",
        ] {
            assert_eq!(grantees(script), None, "{script}");
        }
    }
}

//! `CREATE DATABASE` for servers that are older than the `pg_dump` that wrote it.

use crate::ServerVersion;

/// Since 15 `pg_dump` names the provider of a locale, also that of an older server, which has this one only and does not know the word.
const PROVIDER: &str = " LOCALE_PROVIDER = libc";
const KNOWS_PROVIDERS: u32 = 15;

/// The statement `sql` that begins with `beginning`, its name, as a server of version `server` knows it.
pub(super) fn known_to(server: ServerVersion, sql: String, beginning: &str) -> String {
    match sql.strip_prefix(beginning) {
        Some(options) if server.major() < KNOWS_PROVIDERS => {
            format!("{beginning}{}", options.replacen(PROVIDER, "", 1))
        }
        _ => sql,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_has_one_provider_of_locales_is_not_told_of_it() {
        let beginning = "CREATE DATABASE \"x LOCALE_PROVIDER = libc\"";
        let sql = format!(
            "{beginning} WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C' OWNER = \"o\""
        );
        let old = known_to(ServerVersion(140_023), sql.clone(), beginning);
        assert_eq!(
            old,
            format!("{beginning} WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C' OWNER = \"o\"")
        );
        assert_eq!(known_to(ServerVersion(150_018), sql.clone(), beginning), sql);
    }
}

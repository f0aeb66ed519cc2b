//! What artifacts are called.

use backup_core::target::PlannedArtifact;

/// Name of the artifact that holds roles and tablespaces.
pub const GLOBALS: &str = "globals.sql";
/// Media type of SQL.
pub const GLOBALS_TYPE: &str = "application/sql";
/// Media type of a dump in PostgreSQL's custom format.
pub const DUMP_TYPE: &str = "application/x-pg-dump";

/// The dump of a database, under the documented name.
pub(super) fn database(name: &str) -> PlannedArtifact {
    PlannedArtifact {
        name: name.to_owned(),
        path: format!("{{id}}/{}.pgdump", file_name(name)),
        content_type: DUMP_TYPE.to_owned(),
        compress: true,
    }
}

/// Roles and tablespaces.
pub(super) fn globals() -> PlannedArtifact {
    PlannedArtifact {
        name: GLOBALS.to_owned(),
        path: format!("{{id}}/{GLOBALS}"),
        content_type: GLOBALS_TYPE.to_owned(),
        compress: true,
    }
}

/// A database may be called anything; a key may not. Bytes other than letters, digits, `_`, `-` and inner dots are percent-encoded.
fn file_name(database: &str) -> String {
    let mut name = String::with_capacity(database.len());
    for (at, byte) in database.bytes().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            b'.' if at > 0 => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use backup_core::id::BackupId;

    #[test]
    fn the_documented_names_are_kept_and_odd_ones_cannot_collide() {
        let id: BackupId = "20260422_170000".parse().unwrap();
        let money = database("platform_money");
        assert_eq!(money.key(id, false), "20260422_170000/platform_money.pgdump");
        assert_eq!(money.key(id, true), "20260422_170000/platform_money.pgdump.zst.pbe");
        assert_eq!(money.logical_path(id), "20260422_170000/platform_money.pgdump");
        assert_eq!(
            file_name("../x/ü%"),
            "%2E./x/ü%".replace('/', "%2F").replace("ü%", "%C3%BC%25")
        );
        assert_ne!(file_name("a/b"), file_name("a%2Fb"));
    }
}

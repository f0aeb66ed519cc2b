//! What the documentation says at the end of a restore.

/// The documented last lines of a restore of `database`: its migrations are run by the service that owns it.
#[must_use]
pub fn closing_lines(database: &str) -> [String; 2] {
    let service = database.strip_prefix("platform_").unwrap_or(database);
    [
        "Restore complete. Run goose migrations to verify schema:".to_owned(),
        format!("docker exec platform-migrate-{service} /migrate up"),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_last_lines_are_the_documented_ones() {
        assert_eq!(
            super::closing_lines("platform_money"),
            [
                "Restore complete. Run goose migrations to verify schema:",
                "docker exec platform-migrate-money /migrate up",
            ]
        );
    }
}

//! Locks that a restore in one transaction holds, counted before it begins.

use crate::{ServerFacts, Session, archive::Contents, connection::get};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
};

/// Objects of users begin here (`FirstNormalObjectId`).
const USER_OBJECTS: &str = "16384";

/// Catalogs whose objects are locked when they are dropped. Measured on version 15: a table with a text column, two keys, a check and two defaults takes
/// twelve locks to drop: table, TOAST table and its index, two indexes, two types, three constraints, two defaults.
const DROPPED: [&str; 10] = [
    "pg_class",
    "pg_type",
    "pg_constraint",
    "pg_attrdef",
    "pg_trigger",
    "pg_rewrite",
    "pg_proc",
    "pg_namespace",
    "pg_policy",
    "pg_extension",
];

/// How many locks a restore needs, and how many the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockNeed {
    /// Locks to drop what is there.
    pub drops: u64,
    /// Locks to create what is in the dump.
    pub creates: u64,
    /// Locks of all transactions of the server together, for certain ([`ServerFacts::lock_capacity`]).
    pub capacity: u64,
    per_transaction: u64,
}

/// Counts the locks that a restore of `contents` onto the session's database would hold at its end. An upper estimate: a restore that it lets pass has room.
///
/// # Errors
/// `SourceFailed`.
pub async fn lock_need(session: &Session, server: &ServerFacts, contents: &Contents) -> Result<LockNeed> {
    let counts: Vec<String> = DROPPED
        .iter()
        .map(|catalog| format!("(SELECT pg_catalog.count(*) FROM pg_catalog.{catalog} WHERE oid >= {USER_OBJECTS})"))
        .collect();
    let row = session.one(&format!("SELECT {}", counts.join(" + ")), &[]).await?;
    Ok(LockNeed {
        drops: get::<i64>(&row, 0)?.unsigned_abs(),
        creates: contents.kinds.iter().map(|(kind, count)| count * created(kind)).sum(),
        capacity: server.lock_capacity,
        per_transaction: server.locks_per_transaction,
    })
}

/// Locks held after an entry of `kind` was created: a table has a TOAST table and its index; data, keys to other tables, defaults and triggers lock what is
/// locked already.
fn created(kind: &str) -> u64 {
    match kind {
        "TABLE" | "MATERIALIZED VIEW" => 3,
        "TABLE DATA"
        | "MATERIALIZED VIEW DATA"
        | "SEQUENCE SET"
        | "SEQUENCE OWNED BY"
        | "DEFAULT"
        | "FK CONSTRAINT"
        | "CHECK CONSTRAINT"
        | "TRIGGER"
        | "TABLE ATTACH"
        | "INDEX ATTACH"
        | "ACL"
        | "DEFAULT ACL"
        | "COMMENT"
        | "ENCODING"
        | "STDSTRINGS"
        | "SEARCHPATH"
        | "DATABASE"
        | "DATABASE PROPERTIES"
        | "BLOBS"
        | "STATISTICS DATA" => 0,
        _ => 1,
    }
}

impl LockNeed {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.drops.saturating_add(self.creates)
    }

    /// Refuses a restore that would run out of locks; one that might is a finding (it would roll back and change nothing).
    ///
    /// Measured on version 15: with a certain capacity of 7,808, needs of 11,000 pass and of 13,200 fail; with 2,688, 4,400 passes and 5,500 fails. So
    /// half as much again is taken for the limit.
    ///
    /// # Errors
    /// `Refused`, with the setting that would be enough and the way that needs no single transaction.
    pub fn check(&self) -> Result<Option<Finding>> {
        let message = format!(
            "a restore in one transaction needs about {} locks, and the server has {} (max_locks_per_transaction {})",
            self.total(),
            self.capacity,
            self.per_transaction
        );
        let slots = (self.capacity / self.per_transaction.max(1)).max(1);
        let enough = self.total().div_ceil(slots);
        let setting = format!("set max_locks_per_transaction to {enough} or more and restart the server");
        if self.total() > self.capacity.saturating_add(self.capacity / 2) {
            return Err(Error::new(ErrorKind::Refused, message).hint(setting).hint(
                "or restore with --swap, which fills a fresh database without a single transaction and then exchanges both",
            ));
        }
        Ok((self.total() > self.capacity).then(|| Finding {
            severity: Severity::Warning,
            subject: "locks".into(),
            message,
            hint: Some(format!("if it fails, nothing is changed: {setting}, or use --swap")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_that_needs_more_locks_than_the_server_has_is_refused_with_a_setting_that_is_enough() {
        let need = LockNeed {
            drops: 11_200,
            creates: 6_400,
            capacity: 7_808,
            per_transaction: 64,
        };
        let error = need.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(
            error.hints()[0].contains("max_locks_per_transaction to 145"),
            "{error:?}"
        );
        assert!(LockNeed { drops: 5_000, ..need }.check().unwrap().is_some());
        assert!(LockNeed { drops: 1_000, ..need }.check().unwrap().is_none());
    }
}

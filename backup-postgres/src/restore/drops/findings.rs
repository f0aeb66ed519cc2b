//! What is said of the drops of a restore in place.

use super::{
    dependents::Dependents,
    kept::Kept,
    live::{Live, columns},
};
use crate::{
    Session,
    raw_text::{bytes_of, get_raw},
    readable::readable,
};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
};

/// How many names are listed.
const LISTED: usize = 20;

fn listed(names: &[String]) -> String {
    match names.len() {
        count if count > LISTED => format!("{}, and {} more", names[..LISTED].join(", "), count - LISTED),
        _ => names.join(", "),
    }
}

/// A restore in place that would take away what the dump does not hold, or that the server would refuse in its middle.
pub(super) fn demand(database: &str, found: &Dependents, filled: &[String]) -> Result<()> {
    let refusals = [
        (
            &found.lost[..],
            "was made after the backup, and would be dropped with what is replaced",
            "detach it, or move it away",
        ),
        (
            &found.in_the_way[..],
            "was made after the backup, and depends on what is replaced",
            "drop it",
        ),
        (
            &found.subscribed[..],
            "is not in the backup, and would fill its tables no more",
            "drop it, and create it again afterwards",
        ),
        (
            filled,
            "belongs to an extension that this login cannot replace, and the dump has rows for it",
            "restore as a superuser",
        ),
    ];
    match refusals.into_iter().find(|(names, ..)| !names.is_empty()) {
        None => Ok(()),
        Some((names, why, what)) => Err(Error::new(
            ErrorKind::Refused,
            format!("{database} cannot be restored in place: {} {why}", listed(names)),
        )
        .hint(format!(
            "nothing was changed; {what}; or restore with --swap, which keeps the old database as a whole"
        ))),
    }
}

fn finding(severity: Severity, database: &str, message: String, hint: impl Into<Option<String>>) -> Finding {
    Finding {
        severity,
        subject: database.to_owned(),
        message,
        hint: hint.into(),
    }
}

pub(super) fn along(database: &str, found: &Dependents) -> Vec<Finding> {
    let message = format!(
        "made after the backup, and dropped with the tables that are replaced: {}",
        listed(&found.along)
    );
    let hint = "make it again after the restore, or use --swap, which keeps the old database".to_owned();
    let said = (!found.along.is_empty()).then(|| finding(Severity::Warning, database, message, hint));
    said.into_iter().collect()
}

pub(super) async fn kept(session: &Session, database: &str, kept: &[Kept]) -> Vec<Finding> {
    let names: Vec<_> = kept.iter().map(|kept| kept.name.clone()).collect();
    let names = readable(session, &names).await;
    let say = |(kept, name): (&Kept, &String)| {
        let message = match (kept.kind, kept.foreign) {
            ("EXTENSION", _) => format!(
                "extension {name} {} is left as it is: this login cannot drop it and make it again",
                kept.version
            ),
            (_, true) => format!("schema {name} and the rights on it are left as they are: this login does not own it"),
            (_, false) => format!("schema {name} is left as it is: something in it stays"),
        };
        finding(Severity::Note, database, message, None)
    };
    kept.iter().zip(&names).map(say).collect()
}

/// Subscriptions that are replaced: the restored ones are disabled, as the dump has them, and nobody reads from the slots.
pub(super) async fn slots(session: &Session, database: &str, live: &Live) -> Result<Vec<Finding>> {
    let sql = format!(
        "SELECT {}, coalesce({}, ''::pg_catalog.bytea) FROM pg_catalog.pg_subscription s \
        JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[])) AS g(class, id) ON g.id = s.oid \
        WHERE g.class = 'pg_catalog.pg_subscription'::pg_catalog.regclass AND s.subenabled ORDER BY s.oid",
        bytes_of("s.subname"),
        bytes_of("s.subslotname")
    );
    let (classes, ids) = columns(&live.gone);
    let mut findings = Vec::new();
    for row in session.rows(&sql, &[&classes, &ids]).await? {
        let names = readable(session, &[get_raw(&row, 0)?, get_raw(&row, 1)?]).await;
        let (name, slot) = (&names[0], &names[1]);
        let message = format!(
            "subscription {name} is enabled, and will be there again without being enabled; its slot {slot} stays on the publisher and keeps its log there"
        );
        let hint = format!(
            "its tables are those of the backup, and the slot knows nothing of what the publisher changed before today: to begin anew, empty them, then ALTER \
            SUBSCRIPTION {name} ENABLE and ALTER SUBSCRIPTION {name} REFRESH PUBLICATION; to go on and do without those changes, refresh WITH (copy_data = false); \
            if it is not needed any more: SELECT pg_drop_replication_slot('{slot}') on the publisher"
        );
        findings.push(finding(Severity::Warning, database, message, hint));
    }
    Ok(findings)
}

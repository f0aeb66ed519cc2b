//! What a client program wrote although it succeeded.

use backup_core::event::{Finding, Severity};
use std::sync::{Arc, OnceLock};

/// How many remarks become findings of their own.
const NAMED: usize = 10;
/// Characters of a message.
const LONGEST: usize = 500;

/// The last words of a program, known once it has ended. All clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Remarks(Arc<OnceLock<String>>);

impl Remarks {
    /// Takes note of what the program wrote; only the first time counts.
    pub(crate) fn set(&self, stderr: &str) {
        self.0.get_or_init(|| stderr.to_owned());
    }

    /// A finding for each remark about `subject`, ten at most and one that counts the others; none as long as the program runs. What
    /// `pg_dump` leaves out, it only says.
    #[must_use]
    pub fn findings(&self, subject: &str) -> Vec<Finding> {
        let remarks = self.0.get().map(|stderr| parsed(stderr)).unwrap_or_default();
        let more = remarks.len().saturating_sub(NAMED);
        let rest = (more > 0).then(|| Remark {
            message: format!("{more} further remarks of the client program are not shown"),
            hint: None,
        });
        let shown = remarks.into_iter().take(NAMED).chain(rest);
        shown.map(|remark| remark.about(subject)).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Remark {
    message: String,
    hint: Option<String>,
}

impl Remark {
    fn about(self, subject: &str) -> Finding {
        Finding {
            severity: Severity::Warning,
            subject: subject.to_owned(),
            message: cut(self.message),
            hint: self.hint.map(cut),
        }
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A line begins a remark, or goes on with the one before it.
enum Line<'a> {
    Begins(&'a str),
    GoesOn(&'a str),
    Hint(&'a str),
}

fn parsed(stderr: &str) -> Vec<Remark> {
    let mut remarks: Vec<Remark> = Vec::new();
    for line in stderr.lines().filter(|line| !line.trim().is_empty()) {
        match (read(line), remarks.last_mut()) {
            (Line::GoesOn(text), Some(remark)) => join(&mut remark.message, text),
            (Line::Hint(text), Some(remark)) => join(remark.hint.get_or_insert_default(), text),
            (Line::Begins(text) | Line::GoesOn(text) | Line::Hint(text), _) => remarks.push(Remark {
                message: text.to_owned(),
                hint: None,
            }),
        }
    }
    remarks
}

fn join(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

/// `pg_dump: warning: …` and the server's `WARNING:  …` begin a remark; `detail`, `hint`, and whatever else a program writes under its name go on with it.
fn read(line: &str) -> Line<'_> {
    let programs = ["pg_dump: ", "pg_dumpall: ", "pg_restore: "];
    let said = programs.iter().find_map(|program| line.strip_prefix(program));
    let text = said.unwrap_or(line);
    let named = |names: [&str; 2]| names.iter().find_map(|name| text.strip_prefix(name)).map(str::trim);
    if let Some(begins) = named(["warning: ", "WARNING: "]) {
        return Line::Begins(begins);
    }
    if let Some(hint) = named(["hint: ", "HINT: "]) {
        return Line::Hint(hint);
    }
    if let Some(detail) = named(["detail: ", "DETAIL: "]) {
        return Line::GoesOn(detail);
    }
    if said.is_some() || line.starts_with(char::is_whitespace) {
        Line::GoesOn(text.trim())
    } else {
        Line::Begins(text.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(stderr: &str) -> Vec<Finding> {
        let remarks = Remarks::default();
        assert!(remarks.findings("x").is_empty());
        remarks.set(stderr);
        remarks.findings("x")
    }

    #[test]
    fn each_warning_is_one_finding_with_its_details_and_hints() {
        let found = findings(
            "WARNING:  database \"x\" has a collation version mismatch\nDETAIL:  The database was created using 1.\nHINT:  Rebuild.\n\
            pg_dump: warning: there are circular foreign-key constraints on this table:\npg_dump: detail: t\npg_dump: hint: You might not.\npg_dump: hint: Consider.\n\
            pg_dump: warning: subscriptions not dumped because current user is not a superuser\n",
        );
        let shown: Vec<_> = found
            .iter()
            .map(|found| (found.severity, found.message.as_str(), found.hint.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                (
                    Severity::Warning,
                    "database \"x\" has a collation version mismatch The database was created using 1.",
                    Some("Rebuild.")
                ),
                (
                    Severity::Warning,
                    "there are circular foreign-key constraints on this table: t",
                    Some("You might not. Consider.")
                ),
                (
                    Severity::Warning,
                    "subscriptions not dumped because current user is not a superuser",
                    None
                ),
            ]
        );
    }

    #[test]
    fn the_words_of_older_programs_are_one_remark_too() {
        let found = findings(
            "pg_dump: warning: there are circular foreign-key constraints on these tables:\npg_dump:   a\npg_dump:   b\npg_dump: Consider using a full dump.\n",
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].message.ends_with("a b Consider using a full dump."),
            "{found:?}"
        );
    }

    #[test]
    fn a_flood_of_remarks_stays_small_and_is_counted() {
        let flood = format!("pg_dump: warning: {}\n", "x".repeat(10_000)).repeat(25);
        let found = findings(&flood);
        assert_eq!(
            (found.len(), found[10].message.as_str()),
            (11, "15 further remarks of the client program are not shown")
        );
        assert!(found.iter().all(|finding| finding.message.len() < 600));
    }
}

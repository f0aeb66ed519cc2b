//! The server and the client programs.

use crate::{ClientTools, ServerFacts, ToolLocations};
use backup_core::{
    Error,
    event::{Finding, Severity},
};
use jiff::Timestamp;

/// A clock that is off by more makes names and ages of backups misleading.
const CLOCK_TOLERANCE_SECONDS: i64 = 5;

/// Looks at the server's facts: versions against the client programs, rights to dump roles, and the clock against `now`, this machine's when the facts were asked.
///
/// Never fails: what is wrong is a finding.
pub async fn check_server(facts: &ServerFacts, locations: &ToolLocations, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![tools(facts, locations).await];
    if !facts.reads_role_passwords {
        findings.push(finding(
            Severity::Warning,
            "roles",
            "this role may not read the passwords of roles: they will be missing in the backup of roles".into(),
            Some("back up as a superuser, or grant SELECT on pg_authid".into()),
        ));
    }
    let difference = facts.clock.duration_since(now).as_secs();
    if difference.abs() > CLOCK_TOLERANCE_SECONDS {
        findings.push(finding(
            Severity::Warning,
            "clock",
            format!("the server's clock differs from this machine's by {difference} seconds"),
            Some("synchronise both with NTP".into()),
        ));
    }
    findings
}

async fn tools(facts: &ServerFacts, locations: &ToolLocations) -> Finding {
    match ClientTools::find(locations, facts.version.major()).await {
        Ok(tools) => tools
            .newer_than(facts.version.major())
            .unwrap_or_else(|| versions(facts, &tools)),
        Err(error) => of_error("versions", &error),
    }
}

fn versions(facts: &ServerFacts, tools: &ClientTools) -> Finding {
    let (version, folder) = (tools.version(), tools.folder().display());
    let message = format!("server {}, client programs {version} in {folder}", facts.version);
    finding(Severity::Note, "versions", message, None)
}

pub(super) fn finding(severity: Severity, subject: &str, message: String, hint: Option<String>) -> Finding {
    Finding {
        severity,
        subject: subject.into(),
        message,
        hint,
    }
}

pub(super) fn of_error(subject: &str, error: &Error) -> Finding {
    finding(Severity::Error, subject, error.chain(), error.hints().first().cloned())
}

//! `pg_dumpall --globals-only`: roles, memberships and tablespaces.

use crate::{
    ClientTools, ServerFacts, ServerSettings, VouchedStream,
    client_process::{ClientProcess, Streams},
    passfile::{self, Carrier},
    standstill::Awaited,
};
use backup_core::{
    Result,
    event::{Finding, Severity},
};
use std::process::Stdio;

/// A running dump of roles and tablespaces.
#[derive(Debug)]
pub struct GlobalsDump {
    /// SQL for `psql`. Ends with an `Err` unless `pg_dumpall` exited with status 0. Holds the hashes of role passwords.
    pub stream: VouchedStream,
    /// What is not in it.
    pub finding: Option<Finding>,
}

/// Starts `pg_dumpall --globals-only`. A role that may not read password hashes gets everything else, and a finding.
///
/// # Errors
/// As [`super::dump_stream`].
pub fn globals_stream(settings: &ServerSettings, tools: &ClientTools, server: &ServerFacts) -> Result<GlobalsDump> {
    let settings = &settings.singled_out("globals");
    let carrier = settings.password().map(|_| Carrier::Stdin.path());
    let target = format!(
        "--dbname={}",
        settings.conninfo(&settings.maintenance_database, carrier)
    );
    let first = format!("--database={}", settings.maintenance_database);
    let mut arguments = vec!["--globals-only", "--no-password", &target, &first];
    if !server.reads_role_passwords {
        arguments.push("--no-role-passwords");
    }
    let streams = Streams {
        stdin: passfile::stream(settings.password())?,
        stdout: Stdio::piped(),
    };
    let process = ClientProcess::spawn(&tools.program("pg_dumpall"), &arguments, streams)?;
    let awaited = Awaited::of(&process, settings);
    Ok(GlobalsDump {
        stream: VouchedStream::of(process, awaited)?,
        finding: (!server.reads_role_passwords).then(|| no_passwords(&settings.user)),
    })
}

fn no_passwords(user: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject: "roles".into(),
        message: format!("{user} may not read the passwords of roles: they are not in the backup"),
        hint: Some(format!(
            "back up as a superuser, or GRANT SELECT ON pg_catalog.pg_authid TO {user} in the maintenance database"
        )),
    }
}

//! What would make a backup fail, found before it does.

use super::{PgDump, Selection, plan::databases};
use crate::{
    Session,
    check::{check_databases, check_kept_subscriptions, check_leftovers, check_server, databases_left_out},
    server_facts,
};
use backup_core::{
    Result,
    context::Context,
    event::{Finding, Severity},
};

/// Looks at the server, the client programs and the databases. A server that cannot be reached is a finding too.
pub(super) async fn check(target: &PgDump, cx: &Context) -> Result<Vec<Finding>> {
    let session = match Session::connect(&target.settings, &target.settings.maintenance_database).await {
        Ok(session) => session,
        Err(error) => return Ok(vec![unreachable(target, &error)]),
    };
    let facts = server_facts(&session).await?;
    let mut findings = check_server(&facts, &target.tools, cx.clock.now()).await;
    findings.extend(check_leftovers(&session).await?);
    findings.extend(check_kept_subscriptions(&session).await?);
    if let Selection::AllExcept(excluded) = &target.selection {
        findings.extend(databases_left_out(&session, excluded).await?);
    }
    let databases = databases(&target.selection, &session).await?;
    findings.extend(check_databases(&target.settings, &session, &databases).await?);
    Ok(findings)
}

fn unreachable(target: &PgDump, error: &backup_core::Error) -> Finding {
    Finding {
        severity: Severity::Error,
        subject: format!("server {}", target.settings.address()),
        message: error.chain(),
        hint: error.hints().first().cloned(),
    }
}

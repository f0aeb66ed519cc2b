//! What a second session sees of the awaited one.

use super::{Awaited, Session, process::Process, verdict::Look};
use crate::{ServerSettings, connection, connection::get};
use backup_core::{Error, ErrorKind, Result};
use std::{error::Error as _, time::Duration};
use tokio::time::timeout;
use tokio_postgres::{Row, error::DbError};

/// One look at a session and the processes around it. Two that are equal show that nothing has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) process: i32,
    /// `active`, `idle`, `idle in transaction` …; none if this role may not see it.
    pub(super) state: Option<String>,
    /// What it waits for: the type, and the event.
    pub(super) waits: Option<(String, String)>,
    /// When it began its last statement, and when its state changed.
    since: [Option<String>; 2],
    /// Its process, if this role may see that.
    pub(super) server: Option<Process>,
    /// The client program.
    pub(super) program: Option<Process>,
}

/// The last column: whether this role may see processes. Anybody else's question would be an error in the server's log.
const SESSION: &str = "SELECT pid, state, wait_event_type, wait_event, query_start::pg_catalog.text, state_change::pg_catalog.text, \
    pg_catalog.pg_has_role(session_user, 'pg_read_server_files', 'USAGE') \
    AND pg_catalog.has_function_privilege('pg_catalog.pg_read_file(text, bigint, bigint, boolean)', 'EXECUTE') \
    FROM pg_catalog.pg_stat_activity WHERE";

const PROCESS: &str = "SELECT pg_catalog.pg_read_file('/proc/' OPERATOR(pg_catalog.||) $1::pg_catalog.int4::pg_catalog.text \
    OPERATOR(pg_catalog.||) '/stat', 0, 4096, true)";

/// Looks, for as long as an answer may take.
pub(super) async fn look(awaited: &Awaited) -> Look {
    let deadline = awaited.settings.deadline;
    match timeout(deadline, seen(awaited)).await {
        Ok(look) => look,
        Err(_) => Look::Silent,
    }
}

async fn seen(awaited: &Awaited) -> Look {
    let patient = ServerSettings {
        connect_timeout: Duration::MAX,
        application_name: "platform-backup look".to_owned(),
        ..awaited.settings.clone()
    };
    let session = match connection::Session::connect(&patient, &patient.maintenance_database).await {
        Ok(session) => session,
        Err(error) if answered(&error) => return Look::Nothing,
        Err(error) => return Look::Unreachable(error),
    };
    match picture(awaited, &session).await {
        Ok(Some(picture)) => Look::Seen(picture),
        Ok(None) => Look::Gone,
        Err(_) => Look::Nothing,
    }
}

/// Whether a server said so: it may take no further session, and works all the same.
fn answered(error: &Error) -> bool {
    let said = error.source().is_some_and(|cause| cause.is::<DbError>());
    said || error.kind() != ErrorKind::SourceUnreachable
}

async fn picture(awaited: &Awaited, session: &connection::Session) -> Result<Option<Picture>> {
    let rows = match &awaited.session {
        Session::Process(id) => {
            session
                .asked(&format!("{SESSION} pid OPERATOR(pg_catalog.=) $1"), &[id])
                .await?
        }
        Session::Application(name) => {
            let ours = "application_name OPERATOR(pg_catalog.=) $1 AND usename OPERATOR(pg_catalog.=) session_user";
            session.asked(&format!("{SESSION} {ours}"), &[name]).await?
        }
    };
    let Some(row) = rows.first() else { return Ok(None) };
    let process = get(row, 0)?;
    Ok(Some(Picture {
        process,
        state: get(row, 1)?,
        waits: waits(row)?,
        since: [get(row, 4)?, get(row, 5)?],
        server: if get(row, 6)? {
            server_process(session, process).await
        } else {
            None
        },
        program: awaited.program.as_ref().and_then(|program| Process::here(program.id)),
    }))
}

fn waits(row: &Row) -> Result<Option<(String, String)>> {
    Ok(get::<Option<String>>(row, 2)?.zip(get::<Option<String>>(row, 3)?))
}

/// What cannot be seen is no evidence: `/proc` may be hidden, or not there.
async fn server_process(session: &connection::Session, id: i32) -> Option<Process> {
    let rows = session.asked(PROCESS, &[&id]).await;
    let stat = rows.map_or(None, |rows| get::<Option<String>>(rows.first()?, 0).unwrap_or(None));
    Process::parse(&stat?)
}

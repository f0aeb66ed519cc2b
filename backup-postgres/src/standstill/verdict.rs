//! What two looks come to.

use super::{Awaited, picture::Picture, process::Process};
use backup_core::{Error, ErrorKind};

/// What a second session learned.
#[derive(Debug)]
pub(super) enum Look {
    /// The server did not answer it in time.
    Silent,
    /// It could not be reached.
    Unreachable(Error),
    /// It answered, and nothing that tells.
    Nothing,
    /// It has no such session.
    Gone,
    /// It has it.
    Seen(Picture),
}

/// The error, if both looks show that nothing will come.
pub(super) fn stands_still(awaited: &Awaited, first: Look, second: Look) -> Option<Error> {
    let (subject, waited) = (&awaited.subject, awaited.settings.deadline.as_secs());
    let unreachable = |what: &str| Error::new(ErrorKind::SourceUnreachable, format!("{subject}: {what}"));
    match (first, second) {
        (_, Look::Silent) => Some(
            unreachable(&format!(
                "nothing came for {waited} seconds, and a second session gets no answer either"
            ))
            .hint("check the server and the network; --deadline sets how long to wait"),
        ),
        (Look::Unreachable(_), Look::Unreachable(error)) => Some(error.context(format!(
            "{subject}: nothing came for {waited} seconds, and a second session cannot be made"
        ))),
        (Look::Gone, Look::Gone) => Some(
            unreachable(&format!(
                "nothing came for {waited} seconds, and the server has no such session any more"
            ))
            .hint(BETWEEN),
        ),
        (Look::Seen(first), Look::Seen(second)) if first == second => unmoved(awaited, &second),
        _ => None,
    }
}

const BETWEEN: &str =
    "a firewall, proxy or load balancer between has dropped the connection, or holds back what is sent";

fn unmoved(awaited: &Awaited, seen: &Picture) -> Option<Error> {
    let (subject, waited, id) = (&awaited.subject, awaited.settings.deadline.as_secs(), seen.process);
    let failed = |kind, what: String| {
        Some(Error::new(
            kind,
            format!("{subject}: nothing came for {waited} seconds: {what}"),
        ))
    };
    let stopped = |process: Option<Process>| process.is_some_and(Process::is_stopped);
    if let Some(program) = awaited.program.as_ref().filter(|_| stopped(seen.program)) {
        return failed(
            ErrorKind::Internal,
            format!("{} (process {}) is stopped", program.name, program.id),
        );
    }
    if stopped(seen.server) {
        let error = failed(ErrorKind::SourceFailed, format!("the server's process {id} is stopped"))?;
        return Some(error.hint(format!(
            "somebody stopped it on the server's machine: kill -CONT {id} lets it go on"
        )));
    }
    let waits = |kind: &str, event: &str| seen.waits.as_ref().is_some_and(|(k, e)| k == kind || e == event);
    if waits("", "ProcSignalBarrier") {
        let what = format!("its process {id} waits for another process of the server, which does not react");
        return Some(failed(ErrorKind::SourceFailed, what)?.hint("the server's log names that process"));
    }
    let idle = seen.state.as_ref().is_some_and(|state| state.starts_with("idle"));
    if idle || waits("Client", "") {
        let what = format!("the server waits for this side (process {id})");
        return Some(failed(ErrorKind::SourceUnreachable, what)?.hint(BETWEEN));
    }
    None
}

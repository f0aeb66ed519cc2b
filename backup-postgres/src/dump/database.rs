//! `pg_dump` of one database.

use crate::{
    ClientTools, ServerSettings, VouchedStream,
    archive::{Limits, WalkOutcome, checked},
    client_process::{ClientProcess, Streams},
    passfile::{self, Carrier},
    standstill::Awaited,
};
use backup_core::Result;
use std::process::Stdio;

/// What `pg_dump` itself compresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Nothing: sealed objects are compressed by the pipeline, on all cores.
    None,
    /// As documented (`--compress=9`): for objects that are stored as `pg_dump` writes them.
    Nine,
}

/// A dump that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct DumpRequest<'a> {
    /// The server.
    pub settings: &'a ServerSettings,
    /// The client programs, of at least the server's major version.
    pub tools: &'a ClientTools,
    /// The database.
    pub database: &'a str,
    /// The encoding of the dump. It should be that of the database: another cannot hold every text. `None`: what a setting of role or database says, else
    /// that of the database.
    pub encoding: Option<&'a str>,
    /// What `pg_dump` compresses.
    pub compression: Compression,
}

/// Starts `pg_dump` and yields its archive.
///
/// The stream ends well only if `pg_dump` exited with status 0 *and* the archive that went by is complete; it ends with an `Err` otherwise. The outcome
/// holds the table of contents once the stream has ended well. Memory: one piece of 256 KiB and the table of contents. Dropping the stream kills
/// `pg_dump`. No password is in its arguments or environment.
///
/// # Errors
/// `Config` if `pg_dump` cannot be started. From the stream: `SourceUnreachable`, `SourceFailed` with what `pg_dump` wrote, `Damaged`.
pub fn dump_stream(request: DumpRequest<'_>) -> Result<(VouchedStream, WalkOutcome)> {
    let settings = &request.settings.singled_out("dump");
    let carrier = settings.password().map(|_| Carrier::Stdin.path());
    let level = match request.compression {
        Compression::None => "--compress=0",
        Compression::Nine => "--compress=9",
    };
    let target = format!("--dbname={}", settings.conninfo(request.database, carrier));
    let streams = Streams {
        stdin: passfile::stream(settings.password())?,
        stdout: Stdio::piped(),
    };
    let patience = format!("--lock-wait-timeout={}", settings.lock_timeout.as_millis());
    let encoding = request.encoding.map(|name| format!("--encoding={name}"));
    let mut arguments = vec!["--format=custom", level, "--no-password", &patience, &target];
    arguments.extend(encoding.as_deref());
    let process = ClientProcess::spawn(&request.tools.program("pg_dump"), &arguments, streams)?;
    let awaited = Awaited::of(&process, settings);
    let remarks = process.remarks();
    let (stream, outcome) = checked(VouchedStream::of(process, awaited)?, Limits::default());
    Ok((VouchedStream::wrap(stream, remarks), outcome))
}

//! `pg_dump` of a database without its data.

use crate::{
    ClientTools, ServerSettings, VouchedStream,
    archive::{Contents, Limits, read_contents},
    client_process::{ClientProcess, Streams},
    passfile::{self, Carrier},
    standstill::Awaited,
};
use backup_core::{Error, ErrorKind, Result};
use std::process::Stdio;

/// The table of contents that a dump of `database` would have now, in `encoding`.
///
/// # Errors
/// As [`super::dump_stream`]; `Config` if these programs write a layout that is not known here.
pub(crate) async fn definitions(
    settings: &ServerSettings,
    tools: &ClientTools,
    (database, encoding): (&str, &str),
) -> Result<Contents> {
    let settings = &settings.singled_out("definitions");
    let carrier = settings.password().map(|_| Carrier::Stdin.path());
    let target = format!("--dbname={}", settings.conninfo(database, carrier));
    let streams = Streams {
        stdin: passfile::stream(settings.password())?,
        stdout: Stdio::piped(),
    };
    let patience = format!("--lock-wait-timeout={}", settings.lock_timeout.as_millis());
    let encoding = format!("--encoding={encoding}");
    let arguments = [
        "--format=custom",
        "--schema-only",
        "--no-password",
        &encoding,
        &patience,
        &target,
    ];
    let process = ClientProcess::spawn(&tools.program("pg_dump"), &arguments, streams)?;
    let awaited = Awaited::of(&process, settings);
    let contents = read_contents(VouchedStream::of(process, awaited)?, Limits::default()).await?;
    contents.ok_or_else(|| Error::new(ErrorKind::Config, "the layout of a dump is not known to this version"))
}

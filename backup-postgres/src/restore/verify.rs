//! A dump read by `pg_restore` itself, without a server.

use super::feed::feed;
use crate::{
    ClientTools,
    archive::Walked,
    client_process::{ClientProcess, Streams},
};
use backup_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::Stream;
use std::process::Stdio;

/// Has `pg_restore` read all of `dump` and write the SQL of it to nowhere.
///
/// Finds what cannot be restored: a cut, a broken table of contents, data that does not decompress. A flipped bit inside a row is only found by digests.
/// Needs no server. Memory: two pieces of the stream.
///
/// # Errors
/// Those of the stream; `Damaged` if the archive is not complete or `pg_restore` refuses it.
pub async fn verify_with_pg_restore(
    tools: &ClientTools,
    dump: impl Stream<Item = Result<Bytes>> + Send + 'static,
) -> Result<Walked> {
    let streams = Streams {
        stdin: Stdio::piped(),
        stdout: Stdio::null(),
    };
    let process = ClientProcess::spawn(&tools.program("pg_restore"), &["--file=/dev/null"], streams)?;
    feed(process, dump).await.map_err(|error| match error.kind() {
        ErrorKind::SourceFailed => Error::new(ErrorKind::Damaged, "pg_restore cannot read the dump").because(error),
        _ => error,
    })
}

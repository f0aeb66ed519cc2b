//! A dump read by `pg_restore` itself, without a server.

use super::feed::feed;
use crate::{
    ClientTools, ToolLocations,
    archive::{ArchiveHeader, ArchiveWalk, Walked},
    client_process::{ClientProcess, Ended, Streams},
};
use backup_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use std::process::Stdio;

/// Has `pg_restore` read all of `dump` and write the SQL of it to nowhere.
///
/// Finds what cannot be restored: a cut, a broken table of contents, data that does not decompress. A flipped bit inside a row is only found by digests.
/// Needs no server. Memory: the header, and two pieces of the stream.
///
/// # Errors
/// Those of the stream; `Damaged` if the archive is not complete or `pg_restore` refuses it; `Config` without a `pg_restore` that is as new as the
/// `pg_dump` that wrote it; `Internal` if `pg_restore` was killed. Only `Damaged` says something about the dump.
pub async fn verify_with_pg_restore(
    locations: &ToolLocations,
    mut dump: impl Stream<Item = Result<Bytes>> + Send + Unpin + 'static,
) -> Result<Walked> {
    let (begun, major) = begin(&mut dump).await?;
    let tools = ClientTools::find(locations, major.unwrap_or(0)).await?;
    let streams = Streams {
        stdin: Stdio::piped(),
        stdout: Stdio::null(),
    };
    let process = ClientProcess::spawn(&tools.program("pg_restore"), &["--file=/dev/null"], streams)?;
    let dump = stream::iter(begun.into_iter().map(Ok)).chain(dump);
    let judge = if major.is_some() { unreadable } else { unknown };
    feed(process, None, dump, judge).await
}

/// Reads up to the end of the header: the pieces, and the major version of the `pg_dump` that wrote them, if the layout is known.
async fn begin(dump: &mut (impl Stream<Item = Result<Bytes>> + Unpin)) -> Result<(Vec<Bytes>, Option<u32>)> {
    let mut walk = ArchiveWalk::default();
    let mut begun = Vec::new();
    while walk.header().is_none() && !walk.is_unknown() {
        let Some(piece) = dump.next().await else { break };
        let piece = piece?;
        walk.push(&piece)?;
        begun.push(piece);
    }
    Ok((begun, walk.header().and_then(ArchiveHeader::dump_major)))
}

/// `pg_restore` ends with status 1 for what it cannot read; every other end is its own affair.
fn unreadable(ended: Ended) -> Error {
    if ended.status.code() == Some(1) {
        Error::new(ErrorKind::Damaged, "pg_restore cannot read the dump").because(ended.into_error())
    } else {
        Error::new(
            ErrorKind::Internal,
            "pg_restore did not end by itself: the dump is not verified",
        )
        .because(ended.into_error())
    }
}

fn unknown(ended: Ended) -> Error {
    Error::new(
        ErrorKind::Config,
        "the layout of the dump is not known, and this pg_restore cannot read it",
    )
    .because(ended.into_error())
    .hint("install client programs as new as the pg_dump that wrote it")
}

//! Is the content of an artifact what it has to be?

use super::{GLOBALS, PgDump};
use crate::restore::verify_with_pg_restore;
use backup_core::{Error, ErrorKind, Result, catalog::Artifact, pipeline::ByteStream};
use futures::TryStreamExt;

/// Walks a dump to its end, by our own reader and by `pg_restore`; reads globals as text.
pub(super) async fn verify(target: &PgDump, artifact: &Artifact, content: ByteStream) -> Result<()> {
    if artifact.name == GLOBALS {
        return verify_globals(content).await;
    }
    verify_with_pg_restore(&target.tools, content).await.map(drop)
}

/// `pg_dumpall` ends its output with a line of its own.
async fn verify_globals(mut content: ByteStream) -> Result<()> {
    const END: &[u8] = b"-- PostgreSQL database cluster dump complete\n--\n\n";
    let mut tail: Vec<u8> = Vec::new();
    while let Some(bytes) = content.try_next().await? {
        tail.extend_from_slice(&bytes);
        let excess = tail.len().saturating_sub(4096);
        tail.drain(..excess);
    }
    // Since the minor releases of 2025 a line `\unrestrict KEY` may follow.
    if tail
        .windows(END.len() - 2)
        .any(|window| window == &END[..END.len() - 2])
    {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Damaged,
        "roles and tablespaces do not end as pg_dumpall ends them",
    ))
}

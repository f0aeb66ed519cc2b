//! What was stored, looked at by somebody who knows what it must be.

use super::{ByteStream, ContentSource, content, read_back};
use crate::{Error, ErrorKind, Result, catalog::Artifact, store::Store};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

/// Knows what the content of an artifact must be.
#[async_trait]
pub trait Witness: Send + Sync {
    /// Reads `content` to its end, as a restore would, and says whether it is what was meant to be stored.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if it is not; any error of the content itself.
    async fn look(&self, content: ByteStream) -> Result<()>;
}

/// How what was stored is looked at before it counts. Either way each object is read once.
#[derive(Clone, Copy)]
pub enum ReadBack<'a> {
    /// Its bytes are compared with those that were sent; needs no key that opens.
    Bytes,
    /// It is opened as a restore would open it, which finds all that the comparison would, and its content shown to a witness.
    Content(&'a ContentSource, &'a dyn Witness),
}

impl fmt::Debug for ReadBack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "Bytes",
            Self::Content(..) => "Content",
        })
    }
}

impl ReadBack<'_> {
    /// What the store gives must be what was sent: `headers` are the beginnings of the objects, up to the end of the preamble.
    pub(super) async fn check(self, store: &dyn Store, artifact: Artifact, headers: &[Vec<u8>]) -> Result<()> {
        match self {
            Self::Bytes => compare(store, &artifact, headers).await,
            Self::Content(source, witness) => show(source, artifact, witness).await,
        }
    }
}

async fn compare(store: &dyn Store, artifact: &Artifact, headers: &[Vec<u8>]) -> Result<()> {
    for (object, header) in artifact.objects.iter().zip(headers) {
        if read_back(store, object).await? != *header {
            let what = format!("{} came back with another header", object.key);
            return Err(Error::new(ErrorKind::Damaged, what));
        }
    }
    Ok(())
}

/// That a witness looks away before the end is an error: only the end proves that all is there.
async fn show(source: &ContentSource, artifact: Artifact, witness: &dyn Witness) -> Result<()> {
    let seen = Arc::new(AtomicBool::new(false));
    let ended = seen.clone();
    let end = stream::poll_fn(move |_| {
        ended.store(true, Ordering::Relaxed);
        Poll::Ready(None)
    });
    let what = format!("{} was not read back to its end", artifact.name);
    witness
        .look(content(source.clone(), artifact).chain(end).boxed())
        .await?;
    match seen.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Internal, what)),
    }
}

//! A stream of an archive that is walked while it passes.

use super::{ArchiveWalk, Contents, Limits, Walked};
use backup_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

/// What the walk proved, to be asked after the stream has ended.
#[derive(Debug, Clone, Default)]
pub struct WalkOutcome(Arc<OnceLock<Walked>>);

impl WalkOutcome {
    /// What was proven; `None` as long as the stream has not ended well.
    #[must_use]
    pub fn get(&self) -> Option<&Walked> {
        self.0.get()
    }
}

/// The same bytes as the stream within; ends with an error where the archive is damaged or incomplete.
///
/// After an error it yields nothing more. Dropping it drops the stream within.
pub struct Checked {
    inner: BoxStream<'static, Result<Bytes>>,
    walk: Option<ArchiveWalk>,
    outcome: WalkOutcome,
}

/// Walks over the archive in `stream` while it passes.
pub fn checked(stream: impl Stream<Item = Result<Bytes>> + Send + 'static, limits: Limits) -> (Checked, WalkOutcome) {
    let outcome = WalkOutcome::default();
    let checked = Checked {
        inner: stream.boxed(),
        walk: Some(ArchiveWalk::new(limits)),
        outcome: outcome.clone(),
    };
    (checked, outcome)
}

impl Checked {
    fn accept(&mut self, item: Option<Result<Bytes>>) -> Option<Result<Bytes>> {
        let walk = self.walk.as_mut()?;
        let result = match item {
            Some(Ok(bytes)) => walk.push(&bytes).map(|()| bytes),
            Some(Err(error)) => Err(error),
            None => return self.finish().err().map(Err),
        };
        if result.is_err() {
            self.walk = None;
        }
        Some(result)
    }

    fn finish(&mut self) -> Result<()> {
        let Some(walk) = self.walk.take() else {
            return Ok(());
        };
        let walked = walk.finish()?;
        self.outcome
            .0
            .set(walked)
            .map_err(|_| Error::new(ErrorKind::Internal, "an archive ended twice"))
    }
}

impl Stream for Checked {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.walk.is_none() {
            return Poll::Ready(None);
        }
        self.inner.poll_next_unpin(cx).map(|item| self.accept(item))
    }
}

impl std::fmt::Debug for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checked")
            .field("walk", &self.walk)
            .finish_non_exhaustive()
    }
}

/// Reads `stream` up to the end of the table of contents and no further; `None` for a layout that is not known here.
///
/// # Errors
/// Those of the stream, and `Damaged` where it is not the beginning of an archive.
pub async fn read_contents(
    mut stream: impl Stream<Item = Result<Bytes>> + Send + Unpin,
    limits: Limits,
) -> Result<Option<Contents>> {
    let mut walk = ArchiveWalk::new(limits);
    while let Some(bytes) = stream.next().await {
        walk.push(&bytes?)?;
        if let Some(contents) = walk.contents() {
            return Ok(Some(contents.clone()));
        }
        if walk.is_unknown() {
            return Ok(None);
        }
    }
    match walk.finish()? {
        Walked::Complete(contents) => Ok(Some(*contents)),
        Walked::UnknownLayout { .. } => Ok(None),
    }
}

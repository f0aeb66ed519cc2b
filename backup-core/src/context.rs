//! What every operation works with.

use crate::{
    Error, Result,
    clock::{Clock, Entropy},
    event::EventSink,
    keys::Keyring,
    store::{Features, Store},
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What every operation on a repository works with. Cheap to clone: clones share everything.
#[derive(Debug, Clone)]
pub struct Context {
    /// The store, rooted at the repository.
    pub store: Arc<dyn Store>,
    /// What the store was found to honour.
    pub features: Features,
    /// The keys, if there are any.
    pub keyring: Option<Arc<Keyring>>,
    /// This machine's clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where events go.
    pub events: Arc<dyn EventSink>,
    /// Fires when the operator wants the run to stop.
    pub cancel: CancellationToken,
    /// Name and version of the program, as `backup-postgres 0.1.0`.
    pub tool: String,
}

impl Context {
    /// This context with the features of its store, found by trying: two writes and a deletion under `_pbe/probe/`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn probed(&self) -> Result<Self> {
        let features = crate::store::probe(self.store.as_ref(), self.entropy.as_ref()).await?;
        Ok(Self {
            features,
            ..self.clone()
        })
    }

    /// `work`, dropped when the operator wants to stop: for what changes nothing.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Cancelled`] while doing `what`; those of the work.
    pub async fn unless_cancelled<T>(&self, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::cancelled(what)),
            done = work => done,
        }
    }

    /// Whether there is a key that proves who wrote a document; if so, documents without a good signature count for nothing.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        let verifies = |keyring: &Arc<Keyring>| keyring.keys().iter().any(|key| key.signs_as.is_some());
        self.keyring.as_ref().is_some_and(verifies)
    }
}

//! Sends the parts of one object, a bounded number at once.

use crate::{
    Error, ErrorKind, Result,
    store::{Key, PutMode, PutReceipt, Store, StoreResult, UnfinishedUpload, Upload},
};
use bytes::Bytes;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::task::{JoinError, JoinSet};
use tokio_util::task::AbortOnDropHandle;

/// How long a sender that is aborted waits for the answer to what it had asked, so that it knows what there is to take back.
const ANSWER: Duration = Duration::from_secs(10);

/// An object on its way to the store. Small ones go in one put; a multipart upload begins with the first full part.
///
/// What makes something in the store runs on a task of its own: a caller that stops waiting for it may still take back what came of it, by
/// [`PartSender::abort`]. Dropping the sender stops everything.
pub(super) struct PartSender {
    store: Arc<dyn Store>,
    key: Key,
    limit: usize,
    state: State,
    sending: JoinSet<StoreResult<()>>,
    sent: usize,
}

type Ended = (Option<Box<dyn Upload>>, StoreResult<PutReceipt>);

enum State {
    /// Nothing is in the store.
    Unsent,
    /// An upload was asked for.
    Beginning(AbortOnDropHandle<StoreResult<Box<dyn Upload>>>),
    /// There is an upload.
    Uploading(Box<dyn Upload>),
    /// The object was asked to become visible; out of the upload with this id, if there is one.
    Ending(Option<String>, AbortOnDropHandle<Ended>),
    /// It is visible, or may be; with its upload if the store did not say that it is.
    Ended(Option<Box<dyn Upload>>),
}

impl PartSender {
    pub(super) fn new(store: Arc<dyn Store>, key: Key, limit: usize) -> Self {
        Self {
            store,
            key,
            limit,
            state: State::Unsent,
            sending: JoinSet::new(),
            sent: 0,
        }
    }

    /// Parts sent so far.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// Sends a full part; waits while as many parts as allowed are on their way.
    pub(super) async fn send(&mut self, part: Bytes) -> Result<()> {
        while self.sending.len() >= self.limit {
            self.one_arrived().await?;
        }
        if let State::Unsent = self.state {
            let (store, key) = (self.store.clone(), self.key.clone());
            self.state = State::Beginning(on_its_own(async move { store.upload(&key).await }));
        }
        if let State::Beginning(begun) = &mut self.state {
            let begun = begun.await;
            // Before the answer is looked at: a handle that has answered must not be asked again.
            self.state = State::Unsent;
            self.state = State::Uploading(begun.map_err(lost)??);
        }
        let State::Uploading(upload) = &self.state else {
            return Err(Error::new(
                ErrorKind::Internal,
                "a part comes after the end of its object",
            ));
        };
        self.sending.spawn(upload.put_part(self.sent, part));
        self.sent += 1;
        Ok(())
    }

    /// Sends the rest, waits for everything, and makes the object visible.
    pub(super) async fn finish(&mut self, rest: Bytes) -> Result<PutReceipt> {
        if let State::Unsent = self.state {
            let (store, key) = (self.store.clone(), self.key.clone());
            let put = async move { (None, store.put(&key, rest, PutMode::Overwrite).await) };
            return self.end(None, put).await;
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        while !self.sending.is_empty() {
            self.one_arrived().await?;
        }
        let State::Uploading(mut upload) = std::mem::replace(&mut self.state, State::Unsent) else {
            return Err(Error::new(ErrorKind::Internal, "the upload vanished"));
        };
        let id = upload.id().to_owned();
        let complete = async move {
            let receipt = upload.complete().await;
            (Some(upload), receipt)
        };
        self.end(Some(id), complete).await
    }

    async fn end(
        &mut self,
        id: Option<String>,
        ending: impl Future<Output = Ended> + Send + 'static,
    ) -> Result<PutReceipt> {
        self.state = State::Ending(id, on_its_own(ending));
        let State::Ending(_, ended) = &mut self.state else {
            return Err(Error::new(ErrorKind::Internal, "the end of an object got lost"));
        };
        let ended = ended.await;
        self.state = State::Ended(None);
        let (upload, receipt) = ended.map_err(lost)?;
        self.state = State::Ended(upload.filter(|_| receipt.is_err()));
        Ok(receipt?)
    }

    /// Takes back what was sent, or was asked for and came to be. If the store refuses, it stays until `prune` removes it.
    pub(super) async fn abort(mut self) {
        self.sending.shutdown().await;
        let (upload, visible) = self.settle().await;
        if let Some(mut upload) = upload
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(key = %self.key, %error, "the unfinished upload could not be aborted; prune will remove it");
        }
        if visible && let Some(Err(error)) = self.store.delete(std::slice::from_ref(&self.key)).await.pop() {
            tracing::warn!(key = %self.key, %error, "an object of a failed artifact could not be removed; prune will");
        }
    }

    /// The upload there is, and whether the object may be visible.
    async fn settle(&mut self) -> (Option<Box<dyn Upload>>, bool) {
        match std::mem::replace(&mut self.state, State::Unsent) {
            State::Unsent => (None, false),
            State::Uploading(upload) => (Some(upload), false),
            State::Beginning(begun) => (self.answer(begun).await.and_then(Result::ok), false),
            State::Ended(upload) => (upload, true),
            State::Ending(id, ended) => match self.answer(ended).await {
                Some((upload, receipt)) => (upload.filter(|_| receipt.is_err()), true),
                None => {
                    self.abort_unanswered(id).await;
                    (None, true)
                }
            },
        }
    }

    /// The upload itself went with the request that was given up.
    async fn abort_unanswered(&self, id: Option<String>) {
        let Some(id) = id else { return };
        let unfinished = UnfinishedUpload {
            key: self.key.clone(),
            id,
            initiated: None,
        };
        if let Err(error) = self.store.abort_upload(&unfinished).await {
            tracing::warn!(key = %self.key, %error, "the unfinished upload could not be aborted; prune will remove it");
        }
    }

    async fn answer<T>(&self, asked: AbortOnDropHandle<T>) -> Option<T> {
        let answer = tokio::time::timeout(ANSWER, asked).await;
        if answer.is_err() {
            tracing::warn!(key = %self.key, "the store does not answer; what it may still do is removed by prune");
        }
        answer.ok()?.ok()
    }

    async fn one_arrived(&mut self) -> Result<()> {
        match self.sending.join_next().await {
            Some(Ok(arrived)) => Ok(arrived?),
            Some(Err(error)) => Err(lost(error)),
            None => Ok(()),
        }
    }
}

fn on_its_own<T: Send + 'static>(request: impl Future<Output = T> + Send + 'static) -> AbortOnDropHandle<T> {
    AbortOnDropHandle::new(tokio::spawn(request))
}

fn lost(error: JoinError) -> Error {
    Error::new(ErrorKind::Internal, "send an object").because(error)
}

//! Sends the parts of one object, a bounded number at once.

use crate::{
    Error, ErrorKind, Result,
    store::{Key, PutMode, PutReceipt, Store, StoreResult, Upload},
};
use bytes::Bytes;
use std::sync::Arc;
use tokio::task::JoinSet;

/// An object on its way to the store. Small ones go in one put; a multipart upload begins with the first full part.
pub(super) struct PartSender {
    store: Arc<dyn Store>,
    key: Key,
    limit: usize,
    upload: Option<Box<dyn Upload>>,
    sending: JoinSet<StoreResult<()>>,
    sent: usize,
}

impl PartSender {
    pub(super) fn new(store: Arc<dyn Store>, key: Key, limit: usize) -> Self {
        Self {
            store,
            key,
            limit,
            upload: None,
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
        let upload = match &self.upload {
            Some(upload) => upload,
            None => self.upload.insert(self.store.upload(&self.key).await?),
        };
        self.sending.spawn(upload.put_part(self.sent, part));
        self.sent += 1;
        Ok(())
    }

    /// Sends the rest, waits for everything, and makes the object visible.
    pub(super) async fn finish(&mut self, rest: Bytes) -> Result<PutReceipt> {
        if self.upload.is_none() {
            return Ok(self.store.put(&self.key, rest, PutMode::Overwrite).await?);
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        while !self.sending.is_empty() {
            self.one_arrived().await?;
        }
        match &mut self.upload {
            Some(upload) => Ok(upload.complete().await?),
            None => Err(Error::new(ErrorKind::Internal, "the upload vanished")),
        }
    }

    /// Takes back what was sent. If the store refuses, its parts stay unseen until `prune` removes them.
    pub(super) async fn abort(mut self) {
        self.sending.shutdown().await;
        if let Some(mut upload) = self.upload.take()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(key = %self.key, %error, "the unfinished upload could not be aborted; prune will remove it");
        }
    }

    async fn one_arrived(&mut self) -> Result<()> {
        match self.sending.join_next().await {
            Some(Ok(arrived)) => Ok(arrived?),
            Some(Err(lost)) => Err(Error::new(ErrorKind::Internal, "send a part").because(lost)),
            None => Ok(()),
        }
    }
}

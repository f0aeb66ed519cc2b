//! The Raft storage of one Vault cluster as a [`BackupTarget`].

mod backup;
mod check;
mod details;
mod login;
mod plan;
mod previous;
mod take;
mod token;
mod tries;
mod verify;

#[cfg(test)]
pub(crate) mod tests;

use crate::{client::VaultSettings, snapshot::Limits};
use async_trait::async_trait;
use backup_core::{
    Error, Result,
    catalog::Artifact,
    context::Context,
    event::Finding,
    id::BackupId,
    pipeline::{ByteStream, SpoolRoom},
    session::Session,
    store::ObjectMeta,
    target::{BackupTarget, Outcome, Plan},
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub use details::SnapshotDetails;
pub use login::LoginChoice;

pub(crate) use login::LoggedIn;
pub(crate) use plan::cluster;

/// Name of the one artifact.
pub const SNAPSHOT: &str = "snapshot";
/// Media type of a snapshot.
pub const SNAPSHOT_TYPE: &str = "application/gzip";

/// Raft snapshots of a Vault cluster. Nothing but the proven bytes of a whole snapshot is ever given to the store.
#[derive(Debug, Clone)]
pub struct VaultRaft {
    /// The server: any of the cluster.
    pub settings: VaultSettings,
    /// Whose rights are used.
    pub login: LoginChoice,
    /// Where a snapshot waits, encrypted, until it is stored.
    pub spool: SpoolRoom,
    /// No try begins later than this after the first, or after the last that got a part of a snapshot. To be longer than the idle timeout of the
    /// settings: a try that stands still takes as long as that.
    pub deadline: Duration,
    /// Limits of the proof.
    pub limits: Limits,
}

impl VaultRaft {
    /// The name of the target in manifests and leases.
    pub const NAME: &'static str = "vault.raft";
    /// The component in sealed objects.
    pub const COMPONENT: &'static str = "vault";
}

#[async_trait]
impl BackupTarget for VaultRaft {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn component(&self) -> &str {
        Self::COMPONENT
    }

    async fn check(&self, cx: &Context) -> Result<Vec<Finding>> {
        Box::pin(unless_cancelled(&cx.cancel, check::check(self))).await
    }

    async fn plan(&self, cx: &Context) -> Result<Plan> {
        Box::pin(unless_cancelled(&cx.cancel, plan::plan(self, cx))).await
    }

    async fn backup(&self, cx: &Context, plan: &Plan, session: &Session) -> Result<Outcome> {
        Box::pin(backup::backup(self, cx, plan, session)).await
    }

    async fn verify(&self, cx: &Context, artifact: &Artifact, content: ByteStream) -> Result<()> {
        Box::pin(unless_cancelled(
            &cx.cancel,
            verify::verify(self.limits, artifact, content),
        ))
        .await
    }

    /// Every key of a snapshot stands in its manifest.
    fn sweep<'a>(&'a self, _cx: &'a Context, _kept: &'a [BackupId]) -> BoxStream<'a, Result<ObjectMeta>> {
        stream::empty().boxed()
    }
}

/// Ends `work` when the operator wants to stop.
pub(crate) async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Error::cancelled("come to its end")),
        done = work => done,
    }
}

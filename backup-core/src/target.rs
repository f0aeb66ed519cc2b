//! What a component knows: how to back its server up, and what its artifacts mean.

use crate::{
    Error, Result, catalog::Artifact, context::Context, event::Finding, id::BackupId, pipeline::ByteStream,
    session::Session, store::ObjectMeta,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::fmt;

/// One artifact that a run is going to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedArtifact {
    /// Its name in the manifest, as `platform_money`.
    pub name: String,
    /// Where the scripts stored it, relative to the root, with `{id}` for the id: `{id}/platform_money.pgdump`.
    pub path: String,
    /// Media type of the content.
    pub content_type: String,
    /// Whether sealing compresses it first.
    pub compress: bool,
}

impl PlannedArtifact {
    /// Where the artifact of backup `id` claims to be; what a sealed object is bound to.
    #[must_use]
    pub fn logical_path(&self, id: BackupId) -> String {
        self.path.replace("{id}", &id.to_string())
    }

    /// Its key: the documented one, with a suffix only where the bytes differ from what the scripts stored.
    #[must_use]
    pub fn key(&self, id: BackupId, sealed: bool) -> String {
        let suffix = match (sealed, self.compress) {
            (false, _) => "",
            (true, false) => ".pbe",
            (true, true) => ".zst.pbe",
        };
        format!("{}{suffix}", self.logical_path(id))
    }
}

/// What a run is going to write, known before its first byte.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names the data's origin (system identifier, cluster id). Retention counts within one lineage.
    pub lineage: String,
    /// The artifacts.
    pub artifacts: Vec<PlannedArtifact>,
    /// How many of them are written at once.
    pub jobs: usize,
}

/// An artifact that was planned and is missing.
#[derive(Debug)]
pub struct FailedArtifact {
    /// Its name.
    pub name: String,
    /// Why.
    pub error: Error,
}

/// What a run wrote.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Artifacts that are stored and verified.
    pub artifacts: Vec<Artifact>,
    /// Artifacts that were planned and failed. Together with `artifacts` they are the plan.
    pub failures: Vec<FailedArtifact>,
    /// Facts of the whole run, for the manifest.
    pub details: serde_json::Map<String, serde_json::Value>,
    /// What somebody should look at.
    pub findings: Vec<Finding>,
}

/// A component as the core sees it. No method has a default body: a `verify` that somebody forgot would be a silent pass.
///
/// Listing, retention, locking, sealing and the manifest are the core's business and stand once, in [`crate::run`].
#[async_trait]
pub trait BackupTarget: fmt::Debug + Send + Sync {
    /// What is backed up, as `postgres.dump`: lower-case letters, digits, dots and hyphens.
    fn name(&self) -> &str;

    /// The component, bound into sealed objects, as `postgres`.
    fn component(&self) -> &str;

    /// Looks, changes nothing: reachability, rights, versions, settings that would make a backup or restore fail.
    async fn check(&self, cx: &Context) -> Result<Vec<Finding>>;

    /// Asks the server what there is to back up. Changes nothing.
    async fn plan(&self, cx: &Context) -> Result<Plan>;

    /// Writes the planned artifacts through `session`. Nothing is a backup until the core commits the manifest. An artifact that fails goes into
    /// [`Outcome::failures`]; an error ends the run with nothing to show.
    async fn backup(&self, cx: &Context, plan: &Plan, session: &Session) -> Result<Outcome>;

    /// Beyond digests and seals: is `content` what an artifact of this component has to be? Reads it to its end.
    async fn verify(&self, cx: &Context, artifact: &Artifact, content: ByteStream) -> Result<()>;

    /// Objects of this target outside any manifest that no backup in `kept` needs, in memory that does not grow with them. Deletes nothing:
    /// [`prune`](crate::run::prune::prune) does, and only what a started run of this target claimed under the id of a backup that stays.
    fn sweep<'a>(&'a self, cx: &'a Context, kept: &'a [BackupId]) -> BoxStream<'a, Result<ObjectMeta>>;
}

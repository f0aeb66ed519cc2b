//! Databases of one server as a [`BackupTarget`].

mod backup;
mod check;
mod naming;
mod plan;
mod restore;
mod restore_plan;
mod restore_version;
mod verify;

use crate::{ServerSettings, ToolLocations, restore::unless_cancelled};
use async_trait::async_trait;
use backup_core::{
    Result,
    catalog::Artifact,
    context::Context,
    event::{Finding, Severity},
    id::BackupId,
    pipeline::ByteStream,
    session::Session,
    store::ObjectMeta,
    target::{BackupTarget, Outcome, Plan},
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

pub use backup::{ArtifactDetails, RunDetails};
pub use naming::{DUMP_TYPE, GLOBALS, GLOBALS_TYPE};
pub use restore::{RestoreReport, RestoreRequest, Way};
pub use restore_plan::RestorePlan;

/// Which databases are backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These. One that the server does not have is a failure of its own; the others are backed up.
    Named(Vec<String>),
    /// All that allow connections and are no templates, without these.
    AllExcept(Vec<String>),
}

/// Logical backups: one `pg_dump` for each database, and roles and tablespaces.
#[derive(Debug, Clone)]
pub struct PgDump {
    /// The server.
    pub settings: ServerSettings,
    /// Where its client programs are.
    pub tools: ToolLocations,
    /// Which databases.
    pub selection: Selection,
    /// How many databases are dumped at once.
    pub jobs: usize,
}

impl PgDump {
    /// The name of the target in manifests and leases.
    pub const NAME: &'static str = "postgres.dump";
    /// The component in sealed objects.
    pub const COMPONENT: &'static str = "postgres";
}

impl PgDump {
    /// The lineage that backups of the server have: its system identifier, or where this role may not ask for it, the name of its host.
    ///
    /// # Errors
    /// As [`crate::Session::connect`]; `SourceFailed`; `Cancelled`.
    pub async fn lineage(&self, cx: &Context) -> Result<String> {
        Box::pin(cx.unless_cancelled("look at the server", plan::lineage_of_server(self))).await
    }
}

#[async_trait]
impl BackupTarget for PgDump {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn component(&self) -> &str {
        Self::COMPONENT
    }

    async fn check(&self, cx: &Context) -> Result<Vec<Finding>> {
        Box::pin(check::check(self, cx)).await
    }

    async fn plan(&self, cx: &Context) -> Result<Plan> {
        Box::pin(cx.unless_cancelled("look at the server", plan::plan(self))).await
    }

    async fn backup(&self, cx: &Context, plan: &Plan, session: &Session) -> Result<Outcome> {
        Box::pin(backup::backup(self, cx, plan, session)).await
    }

    async fn verify(&self, cx: &Context, artifact: &Artifact, content: ByteStream) -> Result<()> {
        Box::pin(unless_cancelled(&cx.cancel, verify::verify(self, artifact, content))).await
    }

    /// Every key of a dump stands in its manifest.
    fn sweep<'a>(&'a self, _cx: &'a Context, _kept: &'a [BackupId]) -> BoxStream<'a, Result<ObjectMeta>> {
        stream::empty().boxed()
    }
}

/// Nothing but the bytes of such an archive is known.
fn unknown_layout(database: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject: database.to_owned(),
        message: "the layout of the dump is not known to this version: tables, roles and locks are not checked, only the exit status of the client programs".into(),
        hint: Some("update backup-postgres".into()),
    }
}

//! Takes a snapshot, proves it, stores it, and proves what is stored.

use super::{
    SNAPSHOT, SnapshotDetails, VaultRaft,
    details::Circumstances,
    login::LoggedIn,
    plan::{Cluster, cluster},
    previous,
    take::{Taken, take},
    token, unless_cancelled,
};
use crate::{client::Vault, snapshot::SnapshotFacts};
use async_trait::async_trait;
use backup_core::{
    Error, ErrorKind, Result,
    catalog::Repository,
    context::Context,
    event::{Event, Finding, Severity},
    pipeline::{ByteStream, Witness},
    session::Session,
    target::{Outcome, Plan, PlannedArtifact},
};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

struct Run<'a> {
    target: &'a VaultRaft,
    cx: &'a Context,
    plan: &'a Plan,
    session: &'a Session,
    /// Without a token.
    vault: Vault,
}

/// One snapshot. A token that was made for the run is revoked at the end, however it ends; if the future is dropped, it lives as long as its role
/// says.
pub(super) async fn backup(target: &VaultRaft, cx: &Context, plan: &Plan, session: &Session) -> Result<Outcome> {
    let run = Run {
        target,
        cx,
        plan,
        session,
        vault: Vault::new(target.settings.clone())?,
    };
    let login = unless_cancelled(&cx.cancel, run.log_in()).await?;
    let done = run.with_token(&login).await;
    let left = login.end().await.err().map(token::not_revoked);
    match done {
        Ok(mut outcome) => {
            outcome.findings.extend(left);
            Ok(outcome)
        }
        Err(error) => {
            cx.events.emit(Event::ArtifactFailed {
                name: SNAPSHOT.to_owned(),
                error: error.chain(),
            });
            // There is no report that it could stand in.
            left.into_iter()
                .for_each(|finding| cx.events.emit(Event::Finding(finding)));
            Err(error)
        }
    }
}

impl Run<'_> {
    async fn log_in(&self) -> Result<LoggedIn> {
        let once = || async { Ok(self.target.login.log_in(&self.vault).await?) };
        self.target.tried(self.cx, once).await
    }

    async fn with_token(&self, login: &LoggedIn) -> Result<Outcome> {
        let cancel = &self.cx.cancel;
        let Self { cx, plan, session, .. } = self;
        let mut findings = unless_cancelled(cancel, self.renewed(login)).await?;
        let started = cx.clock.now();
        cx.events.emit(Event::ArtifactStarted {
            name: SNAPSHOT.to_owned(),
            expected: None,
        });
        let planned = plan
            .artifacts
            .first()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "no snapshot was planned"))?;
        let (cluster, taken) = unless_cancelled(cancel, self.taken(login, planned)).await?;
        let Taken { staged, facts, .. } = taken;
        // Not ended from here: it takes back what it has stored when it is cancelled.
        let mut artifact = session.store(planned, staged, &SameSnapshot(&facts)).await?;
        findings.extend((!session.can_read()).then(unopened));
        let repository = unless_cancelled(cancel, self.repository()).await?;
        findings.extend(previous::compare(cx, &repository, &plan.lineage, &facts).await);
        findings.extend(session.sealed().then(|| token::recovery_key(cx)).flatten());
        let details = SnapshotDetails::new(
            &facts,
            Circumstances {
                cluster,
                leader: taken.sent_by,
                transfer: taken.transfer,
                started,
                finished: cx.clock.now(),
            },
        );
        artifact.weight = Some(details.keys);
        artifact.details = details.into_json()?;
        Ok(Outcome {
            artifacts: vec![artifact],
            findings,
            ..Outcome::default()
        })
    }

    /// A token that was given is renewed: the documented one would end after 32 days. That it cannot be is no reason not to back up.
    async fn renewed(&self, login: &LoggedIn) -> Result<Vec<Finding>> {
        if self.target.login.is_fresh() {
            return Ok(Vec::new());
        }
        token::renew(&login.vault).await
    }

    async fn taken(&self, login: &LoggedIn, planned: &PlannedArtifact) -> Result<(Cluster, Taken)> {
        let vault = &login.vault;
        let once = || async {
            let cluster = cluster(vault).await?;
            let taken = take(self.target, self.cx, vault, (self.session, planned)).await?;
            Ok((cluster, taken))
        };
        let (cluster, taken) = self.target.tried(self.cx, once).await?;
        if cluster.id != self.plan.lineage {
            let message = format!("{} has become another cluster: {}", vault.address(), cluster.id);
            return Err(Error::new(ErrorKind::SourceFailed, message).hint("run the backup again"));
        }
        let told = format!(
            "a snapshot of {} bytes and {} keys is proven, received in {:.1} s",
            taken.facts.length,
            taken.facts.keys.total.keys,
            taken.transfer.as_secs_f64()
        );
        self.cx.events.emit(Event::Step(told));
        Ok((cluster, taken))
    }

    async fn repository(&self) -> Result<Repository> {
        let gone = || Error::new(ErrorKind::StoreFailed, "the repository is gone");
        Repository::open(self.cx).await?.ok_or_else(gone)
    }
}

/// The stored content, opened as a restore would open it, must be byte for byte what Vault sent: that was proven on its way, and the same bytes prove
/// the same.
pub(super) struct SameSnapshot<'a>(pub(super) &'a SnapshotFacts);

#[async_trait]
impl Witness for SameSnapshot<'_> {
    async fn look(&self, mut content: ByteStream) -> Result<()> {
        let (mut length, mut digest) = (0, Sha256::new());
        while let Some(bytes) = content.try_next().await? {
            length += bytes.len() as u64;
            digest.update(&bytes);
        }
        if length == self.0.length && digest.finalize().as_slice() == self.0.sha256 {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Damaged, "what is stored is not what Vault sent"))
    }
}

fn unopened() -> Finding {
    Finding {
        severity: Severity::Note,
        subject: "read back".into(),
        message: "the stored bytes are those that were sealed; they were not opened, as there is no key here that can"
            .into(),
        hint: None,
    }
}

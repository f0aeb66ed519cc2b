//! A snapshot put in the place of everything that a cluster holds.

mod after;
mod next_steps;
mod preflight;
mod send;
mod switching;

#[cfg(test)]
mod tests;

use crate::{
    client::{Mark, RestoredState, Vault, Wait},
    snapshot::{SealFacts, SnapshotFacts},
    target::{LoggedIn, VaultRaft, unless_cancelled},
};
use backup_core::{
    Error, ErrorKind, Result,
    clock::random,
    context::Context,
    event::{Event, Finding, Severity},
    hex,
    pipeline::ByteStream,
};
use std::{path::PathBuf, time::Duration};
use tokio::time::Instant;

pub use preflight::Preflight;
use send::Given;
use switching::{Switching, too_late, unanswered};

/// Bytes of state that any server takes in within a second.
const SWITCHED_PER_SECOND: u64 = 8 << 20;

/// The subject of findings about keys.
const SEAL: &str = "seal";

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreRequest {
    /// The name of the target's cluster, by somebody who means it.
    pub confirm: Option<String>,
    /// Takes a snapshot of another cluster, or of other unseal keys, too.
    pub force: bool,
    /// The id of the cluster that the snapshot is of, where something records it.
    pub of_cluster: Option<String>,
    /// Restores a cluster of more than one server.
    pub allow_many_peers: bool,
    /// Waits so long for somebody to unseal the restored server.
    pub wait_unsealed: Option<Duration>,
    /// Lists the secrets there at the end: `secret/platform/iam/`.
    pub verify_path: Option<String>,
    /// The file with a token of the restored cluster that may list them, read once that is in force; the token of the restore if none is named, which
    /// a restore of another cluster makes invalid.
    pub verify_token_file: Option<PathBuf>,
}

/// One step of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// What was done: `check`, `send`, `switch`, `unseal`, `list`.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
}

/// Secrets that were found after a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Where.
    pub path: String,
    /// Their names; folders end in a slash.
    pub names: Vec<String>,
}

/// A restore that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Whether the server runs, or must be unsealed.
    pub state: RestoredState,
    /// How it is unsealed: with the keys of the cluster that the snapshot is of.
    pub seal: SealFacts,
    /// Whether the server must be started again before it takes those keys: it goes on counting the keys of before.
    pub restart_first: bool,
    /// The server that was restored.
    pub server: String,
    /// The name of the cluster that was replaced.
    pub replaced: String,
    /// The id of the cluster afterwards; `None` while it is sealed.
    pub cluster_id: Option<String>,
    /// Its name; `None` while it is sealed.
    pub cluster_name: Option<String>,
    /// The secrets that were asked for, if they could be listed.
    pub listing: Option<Listing>,
    /// What was done, in order, and how long it took.
    pub phases: Vec<Phase>,
    /// What somebody should look at.
    pub findings: Vec<Finding>,
    /// What is left to do, in order.
    pub next_steps: Vec<String>,
}

impl VaultRaft {
    /// The id of the target's cluster. Needs no token.
    ///
    /// # Errors
    /// `SourceFailed` if it is sealed, not initialised, or without Raft; `SourceUnreachable`.
    pub async fn cluster_id(&self, cx: &Context) -> Result<String> {
        let vault = Vault::new(self.settings.clone())?;
        let looked = async { Ok(crate::target::cluster(&vault).await?.id) };
        unless_cancelled(&cx.cancel, looked).await
    }

    /// That the restore is confirmed by the name of the target's cluster. A restore demands it again. Needs no token.
    ///
    /// # Errors
    /// `Refused` with the name to confirm; those of the server.
    pub async fn demand_confirmation(&self, cx: &Context, request: &RestoreRequest) -> Result<()> {
        let vault = Vault::new(self.settings.clone())?;
        let demanded = async {
            let name = crate::target::cluster(&vault).await?.name;
            confirmation_given(request, &name)?;
            preflight::confirmed(request, &name)
        };
        unless_cancelled(&cx.cancel, demanded).await
    }

    /// Everything that a restore looks at before it begins. Changes nothing; a login makes a token for the time of the look. A missing confirmation
    /// is none of its business, a wrong one is.
    ///
    /// # Errors
    /// `Refused` if a restore would be; else those of the server.
    pub async fn preflight(&self, cx: &Context, facts: &SnapshotFacts, request: &RestoreRequest) -> Result<Preflight> {
        let vault = Vault::new(self.settings.clone())?;
        let looked = unless_cancelled(&cx.cancel, Box::pin(preflight::look(self, &vault, facts, request))).await;
        let (preflight, login, _) = looked?;
        if let Err(error) = login.end().await {
            warn_of_token(error.into());
        }
        Ok(preflight)
    }

    /// Replaces everything in the target's cluster by `snapshot`, which must be the one that `facts` were proven of: if it is not, Vault never sees
    /// its last byte. Returns when the restored state is in force, or the server is sealed and waits for the keys of the snapshot's cluster.
    ///
    /// Not atomic on Vault's side: once it has taken the snapshot, nothing brings the old state back. Before, dropping the future changes nothing
    /// but a marker in the token's own cubbyhole. Findings are told as events too, those of the look before anything is sent.
    ///
    /// # Errors
    /// `Refused` before anything changes: no confirmation, more than one server, a snapshot of another cluster without force. `Damaged` if the
    /// bytes are others. `SourceFailed` if Vault refuses them or its old state stays in force. `SourceUnreachable` if nothing is heard of it: a hint
    /// says so where it may have taken them.
    pub async fn restore(
        &self,
        cx: &Context,
        snapshot: ByteStream,
        facts: &SnapshotFacts,
        request: &RestoreRequest,
    ) -> Result<Restored> {
        let wait = Wait {
            at_most: Wait::default().at_most + Duration::from_secs(facts.state_length / SWITCHED_PER_SECOND),
            ..Wait::default()
        };
        let restore = Restore {
            target: self,
            cx,
            facts,
            request,
            wait,
        };
        Box::pin(restore.run(snapshot)).await
    }
}

struct Restore<'a> {
    target: &'a VaultRaft,
    cx: &'a Context,
    facts: &'a SnapshotFacts,
    request: &'a RestoreRequest,
    wait: Wait,
}

impl Restore<'_> {
    async fn run(&self, snapshot: ByteStream) -> Result<Restored> {
        let (cancel, began) = (&self.cx.cancel, Instant::now());
        let vault = Vault::new(self.target.settings.clone())?;
        self.target.demand_confirmation(self.cx, self.request).await?;
        let look = Box::pin(preflight::look(self.target, &vault, self.facts, self.request));
        let (preflight, login, leader) = unless_cancelled(cancel, look).await?;
        let mut foretold = preflight.findings.clone();
        self.tell(&foretold);
        let cluster = preflight.cluster_id.clone();
        let mut restored = self.restored(preflight);
        restored.phase("check", began);
        let done = match self.mark(&leader, &cluster).await {
            Ok(mark) => {
                let doubts = self.doubts(&mark);
                self.tell(&doubts);
                foretold.extend(doubts.iter().cloned());
                restored.findings.extend(doubts);
                self.carry_out(&leader, &mark, snapshot, &mut restored).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            // Not after a success: the token is not part of the restored state.
            end_quietly(&login).await;
            return Err(error);
        }
        let new = restored.findings.iter().filter(|finding| !foretold.contains(finding));
        self.tell(new);
        restored.next_steps = next_steps::next_steps(&restored, self.request);
        Ok(restored)
    }

    fn restored(&self, preflight: Preflight) -> Restored {
        Restored {
            state: RestoredState::Sealed,
            seal: self.facts.seal.clone(),
            restart_first: preflight.restart_first,
            server: preflight.leader,
            replaced: preflight.cluster_name,
            cluster_id: None,
            cluster_name: None,
            listing: None,
            phases: Vec::new(),
            findings: preflight.findings,
            next_steps: Vec::new(),
        }
    }

    async fn carry_out(
        &self,
        leader: &Vault,
        mark: &Mark,
        snapshot: ByteStream,
        restored: &mut Restored,
    ) -> Result<()> {
        let cancel = &self.cx.cancel;
        let began = self.step("sending the snapshot");
        let given = Given::default();
        let answered = unless_cancelled(cancel, self.send(leader, snapshot, given.clone())).await;
        let lost = unanswered(answered, given.all(self.facts.length))?;
        restored.phase("send", began);
        let began = Instant::now();
        let switching = Switching {
            restore: self,
            leader,
            mark,
        };
        switching.watch(lost, restored).await?;
        restored.phase("switch", began);
        unless_cancelled(cancel, self.after(&switching, restored))
            .await
            .map_err(too_late)
    }

    async fn mark(&self, leader: &Vault, cluster: &str) -> Result<Mark> {
        let nonce = hex::encode(&random::<16>(self.cx.entropy.as_ref())?);
        let marked = unless_cancelled(&self.cx.cancel, async { Ok(leader.mark(&nonce, cluster).await?) }).await;
        marked.map_err(|error| error.hint("a restore needs a service token: batch tokens have no cubbyhole"))
    }

    /// What may keep the token from telling in the end whether the restored state of the same cluster is in force.
    fn doubts(&self, mark: &Mark) -> Vec<Finding> {
        let needed = match self.request.wait_unsealed {
            Some(patience) => self.wait.at_most * 2 + patience,
            None => self.wait.at_most,
        };
        let short = mark.token_lives().filter(|lives| *lives < needed).map(|lives| {
            format!(
                "it ends in {} s, and waiting may take {} s, beside the time to send the snapshot",
                lives.as_secs(),
                needed.as_secs()
            )
        });
        let dependent = (!mark.is_orphan()).then(|| "it dies with the token that made it".to_owned());
        let doubt = |why: String| Finding {
            severity: Severity::Warning,
            subject: "token".to_owned(),
            message: format!(
                "{why}: after that, nobody can tell whether the restored state of the same cluster is in force"
            ),
            hint: Some("`backup-vault policy` shows how to make one that lives longer".to_owned()),
        };
        short.into_iter().chain(dependent).map(doubt).collect()
    }

    /// What is done is done: from here on, what goes wrong is a finding, unless the old state is still in force.
    async fn after(&self, switching: &Switching<'_>, restored: &mut Restored) -> Result<()> {
        if restored.state == RestoredState::Sealed {
            let Some(patience) = self.request.wait_unsealed else {
                after::sealed(switching.leader, self.facts, restored).await;
                after::sealed_secrets(restored, self.request.verify_path.as_deref());
                return Ok(());
            };
            if !switching.unsealed(patience, restored).await? {
                return Ok(());
            }
        }
        restored.restart_first = false;
        let began = Instant::now();
        after::look(self.target, switching.leader, restored, self.request).await;
        restored.phase("list", began);
        Ok(())
    }

    fn tell<'f>(&self, findings: impl IntoIterator<Item = &'f Finding>) {
        for finding in findings {
            self.cx.events.emit(Event::Finding(finding.clone()));
        }
    }

    fn step(&self, text: &str) -> Instant {
        self.cx.events.emit(Event::Step(text.to_owned()));
        Instant::now()
    }
}

impl Restored {
    fn phase(&mut self, name: &'static str, began: Instant) {
        self.phases.push(Phase {
            name,
            took: began.elapsed(),
        });
    }

    /// Whether the cluster is the one with this id, as the manifest of a backup has it; `None` while it is sealed.
    #[must_use]
    pub fn is_cluster(&self, id: &str) -> Option<bool> {
        self.cluster_id.as_deref().map(|restored| restored == id)
    }

    /// Whether something that `request` wanted to have looked at was not: nobody unsealed the server in time, or the secrets were not listed. The
    /// findings say why.
    #[must_use]
    pub fn unseen(&self, request: &RestoreRequest) -> bool {
        let cluster = request.wait_unsealed.is_some() && self.cluster_id.is_none();
        cluster || request.verify_path.is_some() && self.listing.is_none()
    }
}

/// The name is asked for before any token is used.
fn confirmation_given(request: &RestoreRequest, name: &str) -> Result<()> {
    if request.confirm.is_some() {
        return Ok(());
    }
    let message = format!("this replaces everything in the cluster {name}, and was not confirmed");
    Err(Error::new(ErrorKind::Refused, message).hint(format!("--confirm {name}")))
}

async fn end_quietly(login: &LoggedIn) {
    if let Err(error) = login.end().await {
        warn_of_token(error.into());
    }
}

fn warn_of_token(error: Error) {
    tracing::warn!(error = %error.chain(), "the token of the login could not be revoked; it ends by itself");
}

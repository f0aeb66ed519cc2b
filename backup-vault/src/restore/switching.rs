//! Which state is in force once a server has the whole snapshot.

use super::{Restore, Restored, SEAL, after, next_steps};
use crate::{
    client::{Mark, RestoredState, Vault},
    target::unless_cancelled,
};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
};
use std::time::Duration;
use tokio::time::Instant;

const MAY_RESTORE: &str = "Vault may restore it all the same: look before you try again";

/// The error of a server that may have taken the snapshot, and whose answer did not come.
pub(super) fn unanswered(answered: Result<()>, all_given: bool) -> Result<Option<Error>> {
    match answered {
        Ok(()) => Ok(None),
        Err(error) if all_given && error.kind() == ErrorKind::SourceUnreachable => Ok(Some(error)),
        Err(error) if all_given && error.kind() == ErrorKind::Cancelled => Err(error.hint(MAY_RESTORE)),
        Err(error) => Err(error),
    }
}

pub(super) fn too_late(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Cancelled => error.hint("Vault has taken the snapshot: it comes into force all the same"),
        _ => error,
    }
}

/// A server that has the snapshot, and the marker in it that tells the states apart.
pub(super) struct Switching<'a> {
    pub(super) restore: &'a Restore<'a>,
    pub(super) leader: &'a Vault,
    pub(super) mark: &'a Mark,
}

impl Switching<'_> {
    /// Waits until the restored state is in force or the server is sealed. `lost` is why Vault's answer did not come, if it did not.
    pub(super) async fn watch(&self, lost: Option<Error>, restored: &mut Restored) -> Result<()> {
        match lost {
            Some(lost) => self.without_answer(lost, restored).await,
            None => {
                self.restore
                    .step("Vault has taken the snapshot; waiting until it is in force");
                restored.state = self.state().await.map_err(too_late)?;
                Ok(())
            }
        }
    }

    async fn state(&self) -> Result<RestoredState> {
        let looked = async { Ok(self.leader.await_restored(self.mark, self.restore.wait).await?) };
        unless_cancelled(&self.restore.cx.cancel, looked).await
    }

    /// That the server is sealed does not tell whether it took the snapshot: it may have been started again. The marker does, once somebody has
    /// unsealed it.
    async fn without_answer(&self, lost: Error, restored: &mut Restored) -> Result<()> {
        self.restore
            .step("no answer of Vault's, which had the whole snapshot; looking whether it comes into force");
        match (self.state().await, self.restore.request.wait_unsealed) {
            (Ok(RestoredState::InForce), _) => in_force_without_answer(&lost, restored),
            (Ok(RestoredState::Sealed), Some(patience)) => {
                return self.sealed_without_answer(patience, lost, restored).await;
            }
            (Ok(RestoredState::Sealed), None) => return Err(self.taken_or_restarted(lost)),
            (Err(error), _) if error.kind() == ErrorKind::Cancelled => return Err(error.hint(MAY_RESTORE)),
            (Err(error), _) => {
                return Err(lost
                    .hint(MAY_RESTORE)
                    .hint(format!("the last look at it: {}", error.chain())));
            }
        }
        Ok(())
    }

    async fn sealed_without_answer(&self, patience: Duration, lost: Error, restored: &mut Restored) -> Result<()> {
        match unless_cancelled(&self.restore.cx.cancel, self.unsealed(patience, restored)).await {
            Ok(true) => in_force_without_answer(&lost, restored),
            Ok(false) => return Err(self.taken_or_restarted(lost)),
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error.hint(MAY_RESTORE)),
            Err(error) => return Err(error.hint(format!("its answer to the snapshot never came: {}", lost.chain()))),
        }
        Ok(())
    }

    fn taken_or_restarted(&self, lost: Error) -> Error {
        let seal = &self.restore.facts.seal;
        lost.hint(format!(
            "Vault may have restored it all the same: the server is sealed now, and opens with the ORIGINAL keys ({} of {}) if it did, with those of before if it was only started again",
            seal.threshold, seal.shares
        ))
    }

    /// Waits until somebody has unsealed the server, and looks which state that was: a server whose restore fails half-way seals itself, too.
    /// False, and a finding, if it is still sealed.
    ///
    /// # Errors
    /// `SourceFailed` if it is the old state; `SourceUnreachable` if nobody can tell.
    pub(super) async fn unsealed(&self, patience: Duration, restored: &mut Restored) -> Result<bool> {
        let began = Instant::now();
        after::sealed(self.leader, self.restore.facts, restored).await;
        self.restore.step(&format!("sealed: {}", next_steps::unseal(restored)));
        if !after::unsealed(self.leader, restored, patience).await {
            return Ok(false);
        }
        restored.phase("unseal", began);
        restored.state = self.leader.await_restored(self.mark, self.restore.wait).await?;
        if restored.state == RestoredState::Sealed {
            restored.findings.push(warning(
                SEAL,
                "it was unsealed, and has sealed itself again: read its log".into(),
            ));
        }
        Ok(restored.state == RestoredState::InForce)
    }
}

fn in_force_without_answer(lost: &Error, restored: &mut Restored) {
    restored.state = RestoredState::InForce;
    let told = format!(
        "Vault's never came, and the restored state is in force: {}",
        lost.chain()
    );
    restored.findings.push(warning("answer", told));
}

fn warning(subject: &str, message: String) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject: subject.to_owned(),
        message,
        hint: None,
    }
}

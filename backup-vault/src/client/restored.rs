//! The end of a restore, which Vault's answer is not.

use super::{
    cubbyhole::Marker,
    failure::{Result, VaultError, VaultErrorKind},
    mark::Mark,
    vault::Vault,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// As often in a row the marker must be gone before the server counts as running: one with other unseal keys may answer once more before it seals.
const SETTLED: u32 = 3;

/// How a restore ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoredState {
    /// The restored state is in force, and the server runs.
    InForce,
    /// The server has sealed itself: it must be unsealed with the keys of the cluster that the snapshot is of.
    Sealed,
}

/// How long to wait for a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Between two looks.
    pub every: Duration,
    /// In all.
    pub at_most: Duration,
}

impl Default for Wait {
    /// Every second, for five minutes. A restore of a small cluster took 6 seconds.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            at_most: Duration::from_secs(300),
        }
    }
}

impl Vault {
    /// Waits until a snapshot that was sent is in force: what was marked ([`Vault::mark`], before it was sent) is gone, or the server is sealed. A
    /// token that is not known any more, and may have ended by itself, tells nothing unless the cluster is another one. Errors on the way are part of
    /// a restore. Changes nothing.
    ///
    /// # Errors
    /// If the time is over: `NotInForce` if the marker was there at the last look; else `Unheard`, whose cause is the last error.
    pub async fn await_restored(&self, mark: &Mark, wait: Wait) -> Result<RestoredState> {
        let until = Instant::now() + wait.at_most;
        let (mut gone, mut last) = (0, None);
        while Instant::now() < until {
            match self.look(mark).await {
                Ok(Some(RestoredState::Sealed)) => return Ok(RestoredState::Sealed),
                Ok(Some(RestoredState::InForce)) => gone += 1,
                Ok(None) => (gone, last) = (0, None),
                Err(error) => (gone, last) = (0, Some(error)),
            }
            if gone == SETTLED {
                return Ok(RestoredState::InForce);
            }
            sleep(wait.every).await;
        }
        let doing = self.endpoint.doing("wait for the restore");
        Err(match last {
            Some(last) => VaultError::new(VaultErrorKind::Unheard, doing).because(last),
            None if gone > 0 => VaultError::new(VaultErrorKind::Unheard, doing),
            None => VaultError::new(VaultErrorKind::NotInForce, doing),
        })
    }

    async fn look(&self, mark: &Mark) -> Result<Option<RestoredState>> {
        let health = self.health().await?;
        if health.sealed {
            return Ok(Some(RestoredState::Sealed));
        }
        match self.marker(&mark.nonce).await {
            Ok(Marker::Gone) => Ok(Some(RestoredState::InForce)),
            Ok(Marker::TokenGone) if mark.tells_without_token(health.cluster_id.as_deref()) => {
                Ok(Some(RestoredState::InForce))
            }
            Ok(Marker::TokenGone) => Err(self.token_ended()),
            Ok(Marker::There) => Ok(None),
            Err(error) if error.kind() == VaultErrorKind::Sealed => Ok(Some(RestoredState::Sealed)),
            Err(error) => Err(error),
        }
    }

    fn token_ended(&self) -> VaultError {
        let doing = self.endpoint.doing("read the marker");
        VaultError::new(VaultErrorKind::TokenInvalid, doing)
            .said("the token of the restore has come to its own end, and no longer tells one state from the other")
    }
}

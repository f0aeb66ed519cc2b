//! Leases: who is at work on a target (`docs/FORMAT.md`, section 3).
//!
//! Advisory: no store can fence, so nothing's safety rests on a lease alone. It spares two runs the work of one.

mod acquire;
mod body;
mod loss;
mod renew;
mod survey;
mod unlock;

pub use body::{LeaseBody, LeaseState};
pub use survey::{LeaseEntry, live, sweep};
pub use unlock::unlock;

use super::Holder;
use crate::{
    Context, Error, Result,
    store::{Key, StoreError, StoreErrorKind},
};
use jiff::{SignedDuration, Timestamp};
use loss::Loss;
use renew::{Held, Renewal};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// A lease is live for this long from its last modification, by the store's clock.
pub const LIFETIME: SignedDuration = SignedDuration::from_secs(60);
/// How often it is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(20);
/// How soon a failed renewal is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(5);
/// A holder that could not renew for this long takes the lease for lost, well before others may.
const GIVE_UP_AFTER: Duration = Duration::from_secs(50);

/// A lease that is held and renewed in the background.
///
/// Dropped without [`Lease::release`], it expires after a minute.
#[derive(Debug)]
pub struct Lease {
    target: String,
    held: Arc<Mutex<Held>>,
    loss: Loss,
    renewer: AbortOnDropHandle<()>,
}

impl Lease {
    /// Takes the lease of `target` for `purpose`, waiting for a live holder for as long as `patience`.
    ///
    /// Cancel-safe: what a dropped future leaves behind expires after a minute.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Locked`] naming the holder; [`crate::ErrorKind::Cancelled`]; those of the store.
    pub async fn acquire(
        cx: &Context,
        target: &str,
        holder: &Holder,
        purpose: &str,
        patience: Duration,
    ) -> Result<Self> {
        super::layout::check_target(target)?;
        let held = acquire::acquire(cx, LeaseBody::new(cx, target, holder, purpose)?, patience).await?;
        let (held, loss) = (Arc::new(Mutex::new(held)), Loss::default());
        let renewer = AbortOnDropHandle::new(tokio::spawn(keep(held.clone(), loss.clone())));
        Ok(Self {
            target: target.to_owned(),
            held,
            loss,
            renewer,
        })
    }

    /// What it is a lease of.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Fires when the lease is lost: the run should stop.
    #[must_use]
    pub fn lost(&self) -> CancellationToken {
        self.loss.token().clone()
    }

    /// Why it was lost: [`crate::ErrorKind::Locked`] if somebody else has it, the store's own error if that did not let it be renewed.
    #[must_use]
    pub fn loss(&self) -> Error {
        self.loss.error(&self.target)
    }

    /// Renews now, and so proves that it is held.
    ///
    /// # Errors
    /// As [`Lease::loss`] if it is lost; those of the store.
    pub async fn confirm(&self) -> Result<()> {
        if !self.loss.is_lost() && self.held.lock().await.renew().await? == Renewal::Done {
            return Ok(());
        }
        self.loss.taken();
        Err(self.loss())
    }

    /// The store's time now, to about a second.
    pub async fn store_now(&self) -> Timestamp {
        let held = self.held.lock().await;
        let since = SignedDuration::try_from(held.renewed.elapsed()).unwrap_or(SignedDuration::ZERO);
        held.modified.saturating_add(since).unwrap_or(held.modified)
    }

    /// The key of its own entry.
    pub async fn key(&self) -> Key {
        self.held.lock().await.key.clone()
    }

    /// Gives the lease back. If it was lost, nothing is done.
    ///
    /// # Errors
    /// Those of the store; it then expires after a minute.
    pub async fn release(self) -> Result<()> {
        // Not in the middle of a renewal: one that was only dropped may reach the store after the entry was removed.
        let held = self.held.lock().await;
        drop(self.renewer);
        if self.loss.is_lost() {
            Ok(())
        } else {
            held.withdraw().await
        }
    }
}

/// Renews until the lease is lost. A renewal that hangs does not hold the loss back.
async fn keep(held: Arc<Mutex<Held>>, loss: Loss) {
    let mut pause = RENEW_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let mut held = held.lock().await;
        let deadline = held.renewed + GIVE_UP_AFTER;
        pause = match tokio::time::timeout_at(deadline, held.renew()).await {
            Ok(Ok(Renewal::Done)) => RENEW_EVERY,
            Ok(Ok(Renewal::Lost)) => return loss.taken(),
            // An error that comes at once is no reason to believe in the lease for longer than in one that hangs.
            Ok(Err(error)) if Instant::now() >= deadline => return loss.unrenewed(&error),
            Ok(Err(error)) => {
                tracing::warn!(error = %error.chain(), "the lease was not renewed, trying again");
                RENEW_AGAIN
            }
            Err(_) => return loss.unrenewed(&silent(&held.key)),
        };
    }
}

fn silent(key: &Key) -> Error {
    StoreError::new(StoreErrorKind::Unreachable, "renew", key).into()
}

//! How a lease is lost.

use super::GIVE_UP_AFTER;
use crate::{Error, ErrorKind};
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

/// Whether a lease is lost, and why. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Loss {
    lost: CancellationToken,
    /// Why it could not be renewed; empty if somebody else has it.
    unrenewed: Arc<OnceLock<Unrenewed>>,
}

#[derive(Debug)]
struct Unrenewed {
    kind: ErrorKind,
    why: String,
    hints: Vec<String>,
}

impl Loss {
    /// Fires when it is lost.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.lost
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Somebody else has it.
    pub(super) fn taken(&self) {
        self.lost.cancel();
    }

    /// The store did not let it be renewed for too long: not another run is in the way, but the store.
    pub(super) fn unrenewed(&self, error: &Error) {
        // Who comes second finds the first reason, which is as good.
        self.unrenewed.get_or_init(|| Unrenewed {
            kind: error.kind(),
            why: error.chain(),
            hints: error.hints().to_vec(),
        });
        self.lost.cancel();
    }

    /// What a run that lost it ends with.
    pub(super) fn error(&self, target: &str) -> Error {
        match self.unrenewed.get() {
            None => Error::new(ErrorKind::Locked, format!("the lease of {target} was lost"))
                .hint("another run took it, it was unlocked, or this machine slept; run again"),
            Some(Unrenewed { kind, why, hints }) => {
                let error = Error::new(
                    *kind,
                    format!(
                        "the lease of {target} could not be renewed for {} seconds",
                        GIVE_UP_AFTER.as_secs()
                    ),
                );
                let error = error.because(why.clone());
                hints.iter().fold(error, |error, hint| error.hint(hint.clone()))
            }
        }
    }
}

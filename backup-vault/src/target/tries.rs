//! Up to three tries.

use super::VaultRaft;
use crate::{
    client::VaultError,
    snapshot::{Flaw, SnapshotError},
};
use backup_core::{
    Error, ErrorKind,
    context::Context,
    event::Event,
    retry::{Policy, Retrier, Retryable},
    store::Retry,
};
use std::time::Duration;
use tokio::time::timeout;

const TRIES: u32 = 3;
/// For all tries together. One that stands still ends by itself, long before.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A failure that knows whether another try can mend it.
#[derive(Debug)]
pub(super) struct Failed {
    error: Error,
    retry: Retry,
    moved: bool,
}

impl Failed {
    /// The same, of a try that got bytes: however long it took, it does not count against the deadline of the next.
    pub(super) fn after(self, moved: bool) -> Self {
        Self { moved, ..self }
    }
}

impl From<VaultError> for Failed {
    fn from(error: VaultError) -> Self {
        Self {
            retry: error.retry(),
            error: error.into(),
            moved: false,
        }
    }
}

/// Of an error in the middle of a snapshot.
impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let retry = match error.kind() {
            ErrorKind::SourceUnreachable => Retry::Maybe,
            ErrorKind::SourceFailed if is_cut(&error) => Retry::Maybe,
            _ => Retry::Never,
        };
        Self {
            error,
            retry,
            moved: false,
        }
    }
}

/// Vault cuts a snapshot when its seal fails, which may be for a moment only. Whole bytes that contradict each other are no accident.
fn is_cut(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<SnapshotError>());
    cause.is_some_and(|wrong| matches!(wrong.flaw(), Flaw::Cut | Flaw::CutTrailer | Flaw::NoSealedSums))
}

impl Retryable for Failed {
    fn retry(&self) -> Retry {
        self.retry
    }

    fn exhausted(mut self) -> Self {
        self.retry = Retry::Exhausted;
        self
    }
}

impl VaultRaft {
    /// Tries up to three times what another try can mend; none begins later than the deadline after the first, or after the last that got bytes.
    pub(super) async fn tried<T, F>(&self, cx: &Context, mut attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failed>>,
    {
        let policy = Policy {
            deadline: self.deadline,
            ..Policy::default()
        };
        let mut attempts = Retrier::new(policy, cx.entropy.clone()).attempts();
        let tries = async {
            for tries in 1.. {
                let failed = match attempt().await {
                    Ok(value) => return Ok(value),
                    Err(failed) => last_or_told(failed, tries, cx),
                };
                if failed.moved {
                    attempts.progress();
                }
                attempts.pause(failed).await?;
            }
            Err(endless())
        };
        let tried = timeout(LONGEST, tries).await;
        tried.unwrap_or_else(|_| Err(endless())).map_err(|failed| failed.error)
    }
}

fn endless() -> Failed {
    Failed {
        error: Error::new(ErrorKind::SourceFailed, "the snapshot did not end within a day"),
        retry: Retry::Never,
        moved: false,
    }
}

fn last_or_told(failed: Failed, tries: u32, cx: &Context) -> Failed {
    if tries >= TRIES {
        return failed.exhausted();
    }
    if failed.retry == Retry::Maybe {
        let told = format!("try {tries} of {TRIES} failed: {}", failed.error.chain());
        cx.events.emit(Event::Step(told));
    }
    failed
}

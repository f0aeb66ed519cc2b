//! The one retry loop: full jitter, exponential pauses, a deadline.
//!
//! What may be tried again is decided by the error ([`Retryable`]), how often and how long by a [`Policy`]. Time is tokio's, so that a paused
//! runtime tests hours in no time.

use crate::{
    clock::{Entropy, random},
    store::Retry,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};

/// An error that knows whether trying again can help.
pub trait Retryable: Sized {
    /// Whether it can.
    fn retry(&self) -> Retry;

    /// The same error, marked as tried until the deadline.
    #[must_use]
    fn exhausted(self) -> Self;
}

/// How long something is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// No attempt begins later than this after the first one (or after the last progress of a stream). A long transfer that fails in the end leaves room
    /// for another: what the first attempt took does not count, as far as its data needed it on a slow line.
    pub deadline: Duration,
    /// Upper bound of the first pause; it doubles with each failure.
    pub first_pause: Duration,
    /// Upper bound of every pause.
    pub longest_pause: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(60),
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
        }
    }
}

/// Tries things again.
#[derive(Debug, Clone)]
pub struct Retrier {
    policy: Policy,
    entropy: Arc<dyn Entropy>,
}

impl Retrier {
    /// One that follows `policy` and draws its jitter from `entropy`.
    #[must_use]
    pub fn new(policy: Policy, entropy: Arc<dyn Entropy>) -> Self {
        Self { policy, entropy }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// A fresh count of failures.
    #[must_use]
    pub fn attempts(&self) -> Attempts {
        Attempts {
            retrier: self.clone(),
            began: Instant::now(),
            allowance: Duration::ZERO,
            failing_since: None,
            failures: 0,
        }
    }

    /// Calls `attempt` (with the number of attempts before) until it succeeds, fails for good, or the deadline is reached.
    ///
    /// An attempt that is under way at the deadline (of the first one: as long after its begin) gets `allowance` more, the time its data needs on a
    /// slow line; then it is dropped and the last error returned, or the one that `stalled` makes if there was none.
    ///
    /// # Errors
    /// The last error; marked as exhausted if it could have been tried again.
    pub async fn run<T, E, F, A>(
        &self,
        allowance: Duration,
        stalled: impl FnOnce() -> E,
        mut attempt: A,
    ) -> Result<T, E>
    where
        E: Retryable,
        F: Future<Output = Result<T, E>>,
        A: FnMut(u32) -> F,
    {
        let mut attempts = Attempts {
            allowance,
            ..self.attempts()
        };
        let mut last = None;
        loop {
            let since = attempts.failing_since.unwrap_or(attempts.began);
            match timeout_at(since + self.policy.deadline + allowance, attempt(attempts.failures)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => last = Some(attempts.pause(error).await?),
                Err(_) => return Err(last.unwrap_or_else(stalled).exhausted()),
            }
        }
    }
}

/// A count of failures in a row, and since when.
#[derive(Debug)]
pub struct Attempts {
    retrier: Retrier,
    began: Instant,
    /// What the data of an attempt needs on a slow line.
    allowance: Duration,
    failing_since: Option<Instant>,
    failures: u32,
}

impl Attempts {
    /// Waits before the next attempt after `error`, which is given back.
    ///
    /// # Errors
    /// `error`, if trying again cannot help, or (marked as exhausted) if the deadline comes before the next attempt.
    pub async fn pause<E: Retryable>(&mut self, error: E) -> Result<E, E> {
        if error.retry() != Retry::Maybe {
            return Err(error);
        }
        let (pause, now) = (self.next_pause(), Instant::now());
        let since = *self.failing_since.get_or_insert(now.min(self.began + self.allowance));
        if now + pause >= since + self.retrier.policy.deadline {
            return Err(error.exhausted());
        }
        self.failures += 1;
        sleep(pause).await;
        Ok(error)
    }

    /// Forgets the failures: something was achieved.
    pub fn progress(&mut self) {
        self.began = Instant::now();
        self.failing_since = None;
        self.failures = 0;
    }

    fn next_pause(&self) -> Duration {
        let policy = self.retrier.policy;
        let doubled = policy.first_pause.saturating_mul(1 << self.failures.min(20));
        let bound = doubled.min(policy.longest_pause);
        // A pause without jitter is still a pause; what needs randomness will say that there is none.
        jitter(self.retrier.entropy.as_ref(), bound).unwrap_or(bound)
    }
}

/// A random pause of at most `longest` (full jitter): two who stood in each other's way part, and many clients do not come back at once.
pub(crate) fn jitter(entropy: &dyn Entropy, longest: Duration) -> crate::Result<Duration> {
    let share = f64::from(u32::from_le_bytes(random(entropy)?)) / f64::from(u32::MAX);
    Ok(longest.mul_f64(share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemEntropy;
    use crate::store::{Key, StoreError, StoreErrorKind};
    use std::cell::Cell;

    fn retrier() -> Retrier {
        Retrier::new(Policy::default(), Arc::new(SystemEntropy))
    }

    fn error(kind: StoreErrorKind) -> StoreError {
        StoreError::new(kind, "put", &Key::from("a"))
    }

    fn stalled() -> StoreError {
        error(StoreErrorKind::Unreachable)
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_away_is_tried_again() {
        let calls = Cell::new(0);
        let result = retrier()
            .run(Duration::ZERO, stalled, |before| {
                calls.set(calls.get() + 1);
                async move {
                    if before < 3 {
                        Err(error(StoreErrorKind::Throttled))
                    } else {
                        Ok(before)
                    }
                }
            })
            .await;
        assert_eq!((result.unwrap(), calls.get()), (3, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_go_away_is_not_tried_again() {
        let calls = Cell::new(0);
        let failed = retrier()
            .run(Duration::ZERO, stalled, |_| {
                calls.set(calls.get() + 1);
                async { Err::<(), _>(error(StoreErrorKind::Forbidden)) }
            })
            .await
            .unwrap_err();
        assert_eq!((calls.get(), failed.retry()), (1, Retry::Never));
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_deadline_the_error_is_exhausted() {
        let began = Instant::now();
        let failed = retrier()
            .run(Duration::ZERO, stalled, |_| async {
                Err::<(), _>(error(StoreErrorKind::Server))
            })
            .await
            .unwrap_err();
        assert_eq!(
            (failed.kind(), failed.retry()),
            (StoreErrorKind::Server, Retry::Exhausted)
        );
        assert!(began.elapsed() <= Policy::default().deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_attempt_that_fails_leaves_room_for_another() {
        let began = Instant::now();
        let allowance = Duration::from_secs(300);
        let result = retrier()
            .run(allowance, stalled, |before| async move {
                sleep(allowance).await;
                if before == 0 {
                    Err(error(StoreErrorKind::Interrupted))
                } else {
                    Ok(before)
                }
            })
            .await;
        assert_eq!(result.unwrap(), 1);
        assert!(began.elapsed() >= 2 * allowance);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_is_dropped_at_the_deadline_and_its_allowance() {
        let began = Instant::now();
        let failed = retrier()
            .run(Duration::from_secs(5), stalled, |_| {
                std::future::pending::<Result<(), _>>()
            })
            .await
            .unwrap_err();
        assert_eq!(
            (failed.kind(), failed.retry()),
            (StoreErrorKind::Unreachable, Retry::Exhausted)
        );
        assert_eq!(began.elapsed().as_secs(), 65);
    }
}

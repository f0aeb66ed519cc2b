//! Waiting for the next piece of a stream, but not for ever.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// A limit for each of many waits, with one timer for all of them.
///
/// `tokio::time::timeout` makes a timer for each wait, and wakes the thread that watches the clock for most of them; a snapshot of 200 MB comes in
/// 12,000 pieces. This timer is only looked at when nothing is there yet, and set anew when it rings too early.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Patience {
    /// Waits of at most `limit`. To be made inside a runtime of tokio that has a timer.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self {
            limit,
            timer: Box::pin(sleep(limit)),
        }
    }

    /// What `work` gives; `None` if it takes longer than the limit. What is ready at once is given in any case. As cancel-safe as `work`.
    pub async fn within<F: Future>(&mut self, work: F) -> Option<F::Output> {
        let Some(due) = Instant::now().checked_add(self.limit) else {
            return Some(work.await);
        };
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            loop {
                ready!(self.timer.as_mut().poll(cx));
                if Instant::now() >= due {
                    return Poll::Ready(None);
                }
                // It was set for a wait that is over.
                self.timer.as_mut().reset(due);
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::{pending, ready};

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn every_wait_has_the_whole_limit_and_none_more() {
        let mut patience = Patience::new(LIMIT);
        for _ in 0..50 {
            assert_eq!(patience.within(sleep(Duration::from_secs(9))).await, Some(()));
        }
        let began = Instant::now();
        assert_eq!(patience.within(pending::<()>()).await, None);
        assert_eq!(began.elapsed().as_secs(), 10);
        assert_eq!(patience.within(sleep(Duration::from_secs(9))).await, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn time_between_two_waits_does_not_count_and_what_is_there_is_taken() {
        let mut patience = Patience::new(LIMIT);
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(patience.within(ready(7)).await, Some(7));
        let began = Instant::now();
        assert_eq!(patience.within(pending::<()>()).await, None);
        assert_eq!(began.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_beyond_all_clocks_is_none() {
        let mut endless = Patience::new(Duration::MAX);
        assert_eq!(endless.within(sleep(Duration::from_secs(1 << 30))).await, Some(()));
    }
}

//! When an artifact may say again how far it is.

use backup_core::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Lets one report per artifact and interval through, and none of what is over sooner.
#[derive(Debug)]
pub struct Pace {
    interval: SignedDuration,
    clock: Arc<dyn Clock>,
    running: Mutex<BTreeMap<String, Running>>,
}

#[derive(Debug)]
struct Running {
    expected: Option<u64>,
    began: Timestamp,
    reported: Timestamp,
}

/// What is known of an artifact that may report now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// Bytes that are expected.
    pub expected: Option<u64>,
    /// Time since it began.
    pub elapsed: SignedDuration,
}

impl Pace {
    /// One report every `interval`.
    #[must_use]
    pub fn new(interval: SignedDuration, clock: Arc<dyn Clock>) -> Self {
        Self {
            interval,
            clock,
            running: Mutex::default(),
        }
    }

    pub(super) fn began(&self, name: &str, expected: Option<u64>) {
        let now = self.clock.now();
        let running = Running {
            expected,
            began: now,
            reported: now,
        };
        self.running().insert(name.to_owned(), running);
    }

    pub(super) fn due(&self, name: &str) -> Option<Due> {
        let now = self.clock.now();
        let mut all = self.running();
        let running = all.get_mut(name)?;
        if now.duration_since(running.reported) < self.interval {
            return None;
        }
        running.reported = now;
        Some(Due {
            expected: running.expected,
            elapsed: now.duration_since(running.began),
        })
    }

    /// Whether it ran for so long that it reported on the way.
    pub(super) fn ended(&self, name: &str) -> bool {
        self.running()
            .remove(name)
            .is_some_and(|running| running.reported > running.began)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        // A panic elsewhere must not take the progress of the others away.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

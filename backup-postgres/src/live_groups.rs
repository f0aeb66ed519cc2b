//! The process groups of client programs that run, so that a program that ends at once takes them along.
//!
//! A `pg_restore` that has been given all of a dump would go on alone, and commit.

use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Groups whose leader has not been waited for: no other process can have the number of one.
#[derive(Debug)]
pub(crate) struct LiveGroups(Mutex<BTreeSet<i32>>);

/// Those of this process.
pub(crate) static LIVE: LiveGroups = LiveGroups(Mutex::new(BTreeSet::new()));

/// Kills every client program that this process has started and that still runs, with what it started. For a process that is about to exit without
/// dropping what it holds. Does not wait for their end.
pub fn kill_client_programs() {
    LIVE.kill_all();
}

impl LiveGroups {
    pub(crate) fn add(&self, leader: u32) {
        if let Ok(leader) = i32::try_from(leader) {
            self.groups().insert(leader);
        }
    }

    pub(crate) fn remove(&self, leader: u32) {
        if let Ok(leader) = i32::try_from(leader) {
            self.groups().remove(&leader);
        }
    }

    fn kill_all(&self) {
        for leader in self.groups().iter().filter_map(|leader| Pid::from_raw(*leader)) {
            if let Err(error) = kill_process_group(leader, Signal::KILL) {
                tracing::debug!(%error, "a process group is gone already");
            }
        }
    }

    /// A set of numbers is whole even if a thread panicked while it held the lock.
    fn groups(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt, ExitStatusExt};

    #[test]
    fn programs_that_run_are_killed_and_those_that_ended_are_forgotten() {
        let groups = LiveGroups(Mutex::default());
        let mut sleeper = std::process::Command::new("sleep")
            .arg("600")
            .process_group(0)
            .spawn()
            .unwrap();
        groups.add(sleeper.id());
        groups.kill_all();
        assert_eq!(sleeper.wait().unwrap().signal(), Some(9));
        groups.remove(sleeper.id());
        assert!(groups.groups().is_empty());
    }
}

//! From what there is to what may go. Pure: no clock, no store.

use super::{Policy, policy::Period};
use crate::id::BackupId;
use jiff::{SignedDuration, Timestamp};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

/// How far ahead of the pruning clock a backup may lie without being taken for one from the future.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// What retention knows of one backup of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: BackupId,
    /// What its content descends from; `None` if its manifest cannot be read.
    pub lineage: Option<String>,
    /// Whether its author is proved.
    pub authentic: bool,
    /// Whether everything that was asked for is in it.
    pub complete: bool,
    /// Bytes of content.
    pub plain_length: u64,
    /// What it builds on.
    pub parents: Vec<BackupId>,
    /// A verification succeeded.
    pub verified: bool,
    /// A verification failed, and none as deep succeeded since.
    pub failed: bool,
}

/// Why a backup stays or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Stays: its manifest cannot be read, so nobody knows what it owns.
    Unreadable,
    /// Stays: nobody proves who wrote it.
    NotAuthentic,
    /// Stays: its id lies in the future, so a clock is or was wrong.
    FromTheFuture,
    /// Stays: no rule was given.
    NoPolicy,
    /// Stays: young enough.
    KeepDays,
    /// Stays: `keep_last`, `keep_daily`, `keep_weekly` or `keep_monthly` counts it.
    Counted,
    /// Stays: the newest complete one, or the newest good one, of its lineage.
    Newest,
    /// Stays: the last one of its lineage that was verified.
    LastVerified,
    /// Stays: no newer one that stays holds even half of its content.
    ContentFell,
    /// Stays: this one, which stays, builds on it.
    ParentOf(BackupId),
    /// Goes: no rule keeps it.
    Expired,
}

impl Reason {
    /// Whether the backup stays.
    #[must_use]
    pub fn keeps(self) -> bool {
        self != Self::Expired
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "its manifest is damaged",
            Self::NotAuthentic => "it is not signed by a known key",
            Self::FromTheFuture => "it comes from the future: check the clocks",
            Self::NoPolicy => "no --keep rule is set",
            Self::KeepDays => "it is young enough (--keep-days)",
            Self::Counted => "a --keep rule counts it",
            Self::Newest => "it is the newest of its lineage",
            Self::LastVerified => "it is the last verified one of its lineage",
            Self::ContentFell => "no newer one holds half as much",
            Self::ParentOf(child) => return write!(f, "{child} builds on it"),
            Self::Expired => "no --keep rule keeps it",
        })
    }
}

/// What is to happen to one backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Which backup.
    pub id: BackupId,
    /// Whether it stays, and why.
    pub reason: Reason,
}

/// Decides for each of `candidates`, the backups of one target, whether it stays; newest first.
///
/// Partial and damaged backups, and those that failed their verification, never count as good. A bad one goes by age alone, and only once there
/// is a newer good one of its lineage. Lineages do not count for each other.
#[must_use]
pub fn plan(candidates: &[Candidate], now: Timestamp, policy: &Policy) -> Vec<Decision> {
    let mut lineages: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    let mut reasons = HashMap::new();
    for candidate in candidates {
        match (sure_to_stay(candidate, now, policy), &candidate.lineage) {
            (Some(reason), _) => drop(reasons.insert(candidate.id, reason)),
            (None, Some(lineage)) => lineages.entry(lineage).or_default().push(candidate),
            (None, None) => drop(reasons.insert(candidate.id, Reason::Unreadable)),
        }
    }
    for mut lineage in lineages.into_values() {
        lineage.sort_by_key(|backup| Reverse(backup.id));
        decide(&lineage, now, policy, &mut reasons);
    }
    keep_parents(candidates, &mut reasons);
    let mut decisions: Vec<_> = reasons
        .into_iter()
        .map(|(id, reason)| Decision { id, reason })
        .collect();
    decisions.sort_by_key(|backup| Reverse(backup.id));
    decisions
}

/// Reasons that concern one backup alone; such a backup does not count for others either.
fn sure_to_stay(candidate: &Candidate, now: Timestamp, policy: &Policy) -> Option<Reason> {
    if candidate.lineage.is_none() {
        Some(Reason::Unreadable)
    } else if !candidate.authentic {
        Some(Reason::NotAuthentic)
    } else if candidate.id.timestamp().duration_since(now) > CLOCK_SLACK {
        Some(Reason::FromTheFuture)
    } else {
        policy.is_empty().then_some(Reason::NoPolicy)
    }
}

fn is_good(candidate: &Candidate) -> bool {
    candidate.complete && !candidate.failed
}

/// Decides for one lineage, newest first.
fn decide(lineage: &[&Candidate], now: Timestamp, policy: &Policy, reasons: &mut HashMap<BackupId, Reason>) {
    let counted = counted(lineage, policy);
    let newest_good = lineage.iter().find(|c| is_good(c)).map(|c| c.id);
    let newest_complete = lineage.iter().find(|c| c.complete).map(|c| c.id);
    let last_verified = lineage.iter().find(|c| is_good(c) && c.verified).map(|c| c.id);
    // The most content of any newer good backup that stays.
    let mut held = 0;
    for candidate in lineage {
        let id = candidate.id;
        let reason =
            if newest_good == Some(id) || newest_complete == Some(id) || newest_good.is_none_or(|good| good < id) {
                Reason::Newest
            } else if is_young(candidate, now, policy) {
                Reason::KeepDays
            } else if counted.contains(&id) {
                Reason::Counted
            } else if last_verified == Some(id) {
                Reason::LastVerified
            } else if is_good(candidate) && held < candidate.plain_length.div_ceil(2) {
                Reason::ContentFell
            } else {
                Reason::Expired
            };
        if is_good(candidate) && reason.keeps() {
            held = held.max(candidate.plain_length);
        }
        reasons.insert(id, reason);
    }
}

fn is_young(candidate: &Candidate, now: Timestamp, policy: &Policy) -> bool {
    let age = now.duration_since(candidate.id.timestamp());
    policy
        .keep_days
        .is_some_and(|days| age <= SignedDuration::from_hours(24 * i64::from(days)))
}

/// The good backups that a counting rule keeps.
fn counted(lineage: &[&Candidate], policy: &Policy) -> HashSet<BackupId> {
    let good: Vec<BackupId> = lineage.iter().filter(|c| is_good(c)).map(|c| c.id).collect();
    policy
        .counts()
        .flat_map(|(period, count)| newest_of_each(&good, period, count))
        .collect()
}

fn newest_of_each(good: &[BackupId], period: Period, count: u32) -> Vec<BackupId> {
    let mut newest: Vec<BackupId> = Vec::new();
    for id in good {
        if newest.len() as u64 >= u64::from(count) {
            break;
        }
        if newest
            .last()
            .is_none_or(|last| !period.holds_both(last.timestamp(), id.timestamp()))
        {
            newest.push(*id);
        }
    }
    newest
}

/// What a kept one builds on stays too, to the root of the chain.
fn keep_parents(candidates: &[Candidate], reasons: &mut HashMap<BackupId, Reason>) {
    let by_id: HashMap<BackupId, &Candidate> = candidates.iter().map(|c| (c.id, c)).collect();
    let stays = |id: &BackupId| reasons.get(id).is_some_and(|reason| reason.keeps());
    let mut open: Vec<&Candidate> = candidates.iter().filter(|c| stays(&c.id)).collect();
    while let Some(child) = open.pop() {
        for parent in &child.parents {
            if reasons.get(parent) == Some(&Reason::Expired) {
                reasons.insert(*parent, Reason::ParentOf(child.id));
                open.extend(by_id.get(parent));
            }
        }
    }
}

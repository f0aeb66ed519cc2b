//! From what there is to what may go. Pure: no clock, no store.

use super::{Policy, policy::Period};
use crate::id::BackupId;
use jiff::{SignedDuration, Timestamp};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
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
    /// Its manifest is damaged, and the started markers of its run prove whose it was and what it may own.
    pub spoiled: bool,
    /// Whether its author is proved.
    pub authentic: bool,
    /// Whether everything that was asked for is in it.
    pub complete: bool,
    /// The names of its artifacts, each with how much it holds ([`crate::catalog::Artifact::measure`]).
    pub artifacts: BTreeMap<String, u64>,
    /// Whether it was made just now, by the run that prunes.
    pub just_made: bool,
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
    /// Stays: the run that prunes has made it.
    JustMade,
    /// Stays: young enough.
    KeepDays,
    /// Stays: `keep_last`, `keep_hourly`, `keep_daily`, `keep_weekly` or `keep_monthly` counts it.
    Counted,
    /// Stays: the newest complete one, or the newest good one, of its lineage that holds one of its artifacts.
    Newest,
    /// Stays: the last one of its lineage that was verified and holds one of its artifacts.
    LastVerified,
    /// Stays: newer ones that stay do not hold even half of its content.
    ContentFell,
    /// Stays: this one, which stays, builds on it.
    ParentOf(BackupId),
    /// Goes: no rule keeps it.
    Expired,
    /// Goes: its manifest is damaged, and no rule would keep it if it were good.
    Spoiled,
}

impl Reason {
    /// Whether the backup stays.
    #[must_use]
    pub fn keeps(self) -> bool {
        !matches!(self, Self::Expired | Self::Spoiled)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "its manifest is damaged",
            Self::NotAuthentic => "it is not signed by a known key",
            Self::FromTheFuture => "it comes from the future: check the clocks",
            Self::NoPolicy => "no --keep rule is set",
            Self::JustMade => "it was made just now",
            Self::KeepDays => "it is young enough (--keep-days)",
            Self::Counted => "a --keep rule counts it",
            Self::Newest => "it is the newest of its lineage that holds one of its artifacts",
            Self::LastVerified => "it is the last verified one of its lineage that holds one of its artifacts",
            Self::ContentFell => "no newer ones hold half as much",
            Self::ParentOf(child) => return write!(f, "{child} builds on it"),
            Self::Expired => "no --keep rule keeps it",
            Self::Spoiled => "its manifest is damaged, and no --keep rule would keep it",
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
/// It is decided for each artifact: the rules count the backups that hold it, and a backup stays as long as it does for one of its artifacts. So a backup that is
/// partial is as good as any for what it holds, and three dumps of one database expire no dump of another. Damaged backups, and those that failed
/// their verification, never count. A bad one goes by age alone, and only once there is a newer good one of its lineage. Lineages do not count for each
/// other. Nothing goes unless each of its artifacts is in a newer good one that stays.
///
/// A spoiled one goes once it would go as a good one of any lineage there is that held all that the others hold; without a lineage it stays. Nothing
/// proves of it that it was verified, so it is never the last verified one.
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
    for lineage in lineages.values_mut() {
        lineage.sort_by_key(|backup| Reverse(backup.id));
        decide(lineage, now, policy, &mut reasons);
    }
    for spoiled in candidates.iter().filter(|candidate| candidate.spoiled) {
        let unread = reasons.get(&spoiled.id) == Some(&Reason::Unreadable);
        if unread && !lineages.is_empty() && lineages.values().all(|lineage| outlived(spoiled, lineage, now, policy)) {
            reasons.insert(spoiled.id, Reason::Spoiled);
        }
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
    !candidate.failed
}

/// Decides for one lineage, newest first.
fn decide(lineage: &[&Candidate], now: Timestamp, policy: &Policy, reasons: &mut HashMap<BackupId, Reason>) {
    let all: BTreeSet<&str> = lineage.iter().flat_map(|candidate| names(candidate)).collect();
    let ruled: HashMap<&str, Ruled> = all
        .into_iter()
        .map(|name| (name, Ruled::new(lineage, name, policy)))
        .collect();
    let mut held = Held::default();
    for candidate in lineage {
        // The newest good one that holds it stays, for each artifact: none is lost if this one goes.
        let rules = names(candidate).filter_map(|name| ruled.get(name)?.keeps(candidate.id));
        let rule = rules.min_by_key(|rule| STRENGTH.iter().position(|other| other == rule));
        let reason = match rule {
            Some(Reason::Newest) => Reason::Newest,
            _ if candidate.just_made => Reason::JustMade,
            _ if is_young(candidate, now, policy) => Reason::KeepDays,
            Some(rule) => rule,
            None if is_good(candidate) && held.fell_below(candidate) => Reason::ContentFell,
            None => Reason::Expired,
        };
        if is_good(candidate) && reason.keeps() {
            held.add(candidate);
        }
        reasons.insert(candidate.id, reason);
    }
}

/// Whether `spoiled` would go as a good backup of `lineage` that holds every artifact there is in it, at its greatest length.
fn outlived(spoiled: &Candidate, lineage: &[&Candidate], now: Timestamp, policy: &Policy) -> bool {
    let mut artifacts: BTreeMap<String, u64> = BTreeMap::new();
    for (name, length) in lineage.iter().flat_map(|candidate| &candidate.artifacts) {
        let most = artifacts.entry(name.clone()).or_default();
        *most = (*most).max(*length);
    }
    let as_good = Candidate {
        complete: true,
        artifacts,
        ..spoiled.clone()
    };
    let mut lineage = [lineage, &[&as_good]].concat();
    lineage.sort_by_key(|backup| Reverse(backup.id));
    let mut reasons = HashMap::new();
    decide(&lineage, now, policy, &mut reasons);
    reasons.get(&spoiled.id) == Some(&Reason::Expired)
}

fn names(candidate: &Candidate) -> impl Iterator<Item = &str> {
    candidate.artifacts.keys().map(String::as_str)
}

/// Reasons of single artifacts, the one to be told first.
const STRENGTH: [Reason; 3] = [Reason::Newest, Reason::Counted, Reason::LastVerified];

/// What the rules keep among the backups that hold one artifact.
struct Ruled {
    newest_good: Option<BackupId>,
    newest_complete: Option<BackupId>,
    last_verified: Option<BackupId>,
    counted: HashSet<BackupId>,
}

impl Ruled {
    /// Of those in `lineage`, newest first, that hold `artifact`.
    fn new(lineage: &[&Candidate], artifact: &str, policy: &Policy) -> Self {
        let holds = |candidate: &&Candidate| candidate.artifacts.contains_key(artifact);
        let holders: Vec<&Candidate> = lineage.iter().copied().filter(holds).collect();
        let newest = |wanted: &dyn Fn(&Candidate) -> bool| holders.iter().find(|c| wanted(c)).map(|c| c.id);
        Self {
            newest_good: newest(&is_good),
            newest_complete: newest(&|c| c.complete),
            last_verified: newest(&|c| is_good(c) && c.verified),
            counted: counted(&holders, policy),
        }
    }

    fn keeps(&self, id: BackupId) -> Option<Reason> {
        if self.newest_complete == Some(id) || self.newest_good.is_none_or(|good| good <= id) {
            Some(Reason::Newest)
        } else if self.counted.contains(&id) {
            Some(Reason::Counted)
        } else {
            (self.last_verified == Some(id)).then_some(Reason::LastVerified)
        }
    }
}

/// The most content of each artifact in any newer good backup that stays.
#[derive(Default)]
struct Held<'a>(HashMap<&'a str, u64>);

impl<'a> Held<'a> {
    fn add(&mut self, candidate: &'a Candidate) {
        for (name, length) in &candidate.artifacts {
            let most = self.0.entry(name).or_default();
            *most = (*most).max(*length);
        }
    }

    /// Whether it is half of what `candidate` holds, or less.
    fn fell_below(&self, candidate: &Candidate) -> bool {
        let sum = |sum: u64, length: &u64| sum.saturating_add(*length);
        let held = candidate.artifacts.keys().filter_map(|name| self.0.get(name.as_str()));
        let (held, had) = (held.fold(0, sum), candidate.artifacts.values().fold(0, sum));
        had > 0 && held <= had / 2
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
            if reasons.get(parent).is_some_and(|reason| !reason.keeps()) {
                reasons.insert(*parent, Reason::ParentOf(child.id));
                open.extend(by_id.get(parent));
            }
        }
    }
}

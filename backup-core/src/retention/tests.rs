use super::*;
use crate::id::BackupId;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn now() -> Timestamp {
    "2026-04-22T17:00:00Z".parse().unwrap()
}

fn holding(artifacts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    artifacts
        .iter()
        .map(|(name, length)| ((*name).to_owned(), *length))
        .collect()
}

/// A good backup so many hours ago.
fn good(hours: i64) -> Candidate {
    Candidate {
        id: BackupId::at(now() - SignedDuration::from_hours(hours)),
        lineage: Some("a".into()),
        spoiled: false,
        authentic: true,
        complete: true,
        artifacts: holding(&[("db", 100)]),
        just_made: false,
        parents: vec![],
        verified: false,
        failed: false,
    }
}

fn daily(days: i64) -> Vec<Candidate> {
    (0..days).map(|day| good(24 * day)).collect()
}

fn reason(candidates: &[Candidate], policy: &Policy, of: &Candidate) -> Reason {
    let decisions = plan(candidates, now(), policy);
    decisions.iter().find(|decision| decision.id == of.id).unwrap().reason
}

fn kept(candidates: &[Candidate], policy: &Policy) -> Vec<BackupId> {
    let decisions = plan(candidates, now(), policy);
    decisions
        .iter()
        .filter(|decision| decision.reason.keeps())
        .map(|decision| decision.id)
        .collect()
}

const LAST_1: Policy = Policy {
    keep_days: None,
    keep_last: Some(1),
    keep_hourly: None,
    keep_daily: None,
    keep_weekly: None,
    keep_monthly: None,
};

#[test]
fn without_a_rule_everything_stays() {
    assert_eq!(kept(&daily(50), &Policy::default()).len(), 50);
}

#[test]
fn rules_add_up() {
    let all = daily(100);
    let keep_days = Policy {
        keep_days: Some(7),
        ..Policy::default()
    };
    assert_eq!(kept(&all, &keep_days).len(), 8, "today, and seven days back");
    let counted = Policy {
        keep_last: Some(3),
        keep_weekly: Some(4),
        keep_monthly: Some(3),
        ..Policy::default()
    };
    let days: Vec<String> = kept(&all, &counted)
        .iter()
        .map(|id| id.to_string()[..8].to_owned())
        .collect();
    // 22 April 2026 is a Wednesday; weeks end on Sundays.
    let expected = [
        "20260422", "20260421", "20260420", "20260419", "20260412", "20260405", "20260331", "20260228",
    ];
    assert_eq!(days, expected);
}

#[test]
fn daily_keeps_the_newest_of_each_day_that_has_one() {
    let all: Vec<_> = [0, 6, 30, 31, 100].map(good).into();
    let policy = Policy {
        keep_daily: Some(3),
        ..Policy::default()
    };
    assert_eq!(kept(&all, &policy), [all[0].id, all[2].id, all[4].id]);
}

#[test]
fn hourly_keeps_the_newest_of_each_hour_that_has_one() {
    let minutes = |minutes: i64| {
        let mut backup = good(0);
        backup.id = BackupId::at(backup.id.timestamp() - SignedDuration::from_mins(minutes));
        backup
    };
    let all: Vec<_> = [0, 1, 21, 61, 300].map(minutes).into();
    let policy = Policy {
        keep_hourly: Some(3),
        ..Policy::default()
    };
    assert_eq!(kept(&all, &policy), [all[0].id, all[1].id, all[3].id]);
}

#[test]
fn the_newest_complete_and_the_last_verified_never_go() {
    let mut all = daily(10);
    let none = Policy {
        keep_last: Some(0),
        ..Policy::default()
    };
    assert_eq!(kept(&all, &none), [all[0].id]);
    all[4].verified = true;
    all[7].verified = true;
    assert_eq!(kept(&all, &none), [all[0].id, all[4].id]);
    all[0].failed = true;
    assert_eq!(kept(&all, &none), [all[0].id, all[1].id, all[4].id]);
}

#[test]
fn failed_ones_never_count_as_good() {
    let mut all = daily(6);
    all[0].failed = true;
    all[1].failed = true;
    assert_eq!(kept(&all, &LAST_1), [all[0].id, all[1].id, all[2].id]);
    assert_eq!(reason(&all, &LAST_1, &all[0]), Reason::Newest);
    for candidate in &mut all {
        candidate.failed = true;
    }
    assert_eq!(kept(&all, &LAST_1).len(), 6, "with no good one at all, every one stays");
}

#[test]
fn a_partial_one_counts_for_what_it_holds_and_the_last_complete_one_stays() {
    let mut all = daily(6);
    for partial in &mut all[..3] {
        partial.complete = false;
    }
    assert_eq!(kept(&all, &LAST_1), [all[0].id, all[3].id]);
}

#[test]
fn a_database_that_is_dropped_for_good_keeps_its_last_copy_and_nothing_else() {
    let mut all = daily(60);
    for (day, backup) in all.iter_mut().enumerate() {
        backup.complete = day >= 40;
        backup.artifacts = match backup.complete {
            true => holding(&[("x", 60), ("dropped", 40)]),
            false => holding(&[("x", 60)]),
        };
    }
    let week = Policy {
        keep_days: Some(7),
        ..Policy::default()
    };
    let last_week = (0..=7).map(|day| all[day].id);
    assert_eq!(kept(&all, &week), last_week.chain([all[40].id]).collect::<Vec<_>>());
}

#[test]
fn databases_that_fail_in_turn_let_old_partial_ones_go() {
    let mut all = daily(40);
    for (day, backup) in all.iter_mut().enumerate() {
        backup.complete = day == 39;
        backup.artifacts = holding(&[("x", 50), ("y", 50), ("z", 50)]);
        if !backup.complete {
            let failed = ["x", "y", "z"][day % 3];
            backup.artifacts.remove(failed);
        }
    }
    let kept = kept(&all, &LAST_1);
    assert_eq!(kept, [all[0].id, all[1].id, all[39].id], "and the last complete one");
}

#[test]
fn a_run_whose_content_fell_by_half_never_expires_an_older_one() {
    let mut all = daily(6);
    for small in &mut all[..2] {
        small.artifacts = holding(&[("db", 50)]);
    }
    assert_eq!(kept(&all, &LAST_1), [all[0].id, all[2].id]);
    assert_eq!(reason(&all, &LAST_1, &all[2]), Reason::ContentFell);
    for small in &mut all[..2] {
        small.artifacts = holding(&[("db", 51)]);
    }
    assert_eq!(kept(&all, &LAST_1), [all[0].id]);
}

#[test]
fn what_a_kept_one_builds_on_stays() {
    let mut all = daily(6);
    all[0].parents = vec![all[3].id];
    all[3].parents = vec![all[5].id];
    assert_eq!(kept(&all, &LAST_1), [all[0].id, all[3].id, all[5].id]);
    assert_eq!(reason(&all, &LAST_1, &all[3]), Reason::ParentOf(all[0].id));
}

#[test]
fn backups_from_the_future_stay_and_do_not_count() {
    let mut all = daily(3);
    all.push(good(-48));
    let policy = LAST_1;
    assert_eq!(kept(&all, &policy), [all[3].id, all[0].id]);
    assert_eq!(reason(&all, &policy, &all[3]), Reason::FromTheFuture);
}

#[test]
fn lineages_do_not_count_for_each_other() {
    let mut all = daily(4);
    for other in &mut all[2..] {
        other.lineage = Some("b".into());
    }
    assert_eq!(kept(&all, &LAST_1), [all[0].id, all[2].id]);
}

#[test]
fn dumps_of_one_database_expire_no_dump_of_all() {
    let mut all = daily(8);
    for full in &mut all {
        full.artifacts = holding(&[("x", 60), ("y", 40)]);
    }
    for one in &mut all[..4] {
        one.artifacts = holding(&[("x", 60)]);
    }
    let last_3 = Policy {
        keep_last: Some(3),
        ..LAST_1
    };
    assert_eq!(kept(&all, &last_3), [0, 1, 2, 4, 5, 6].map(|day| all[day].id));
    assert_eq!(kept(&all, &LAST_1), [all[0].id, all[4].id]);
}

#[test]
fn what_no_newer_one_holds_stays_until_one_does() {
    let mut all = daily(4);
    all[0].artifacts = holding(&[("x", 60)]);
    all[2].complete = false;
    all[2].artifacts = holding(&[("x", 60), ("y", 1)]);
    all[3].artifacts = holding(&[("x", 60), ("z", 1)]);
    all[1].artifacts = holding(&[("x", 60)]);
    assert_eq!(kept(&all, &LAST_1), [all[0].id, all[2].id, all[3].id]);
    all[0].artifacts = holding(&[("x", 60), ("y", 1), ("z", 1)]);
    assert_eq!(kept(&all, &LAST_1), [all[0].id]);
}

#[test]
fn unreadable_and_unproved_ones_stay_and_do_not_count() {
    let mut all = daily(5);
    all[0].lineage = None;
    all[1].authentic = false;
    assert_eq!(kept(&all, &LAST_1), [all[0].id, all[1].id, all[2].id]);
    assert_eq!(reason(&all, &LAST_1, &all[0]), Reason::Unreadable);
    assert_eq!(reason(&all, &LAST_1, &all[1]), Reason::NotAuthentic);
}

/// What is left of a backup whose manifest is damaged.
fn spoil(candidate: &mut Candidate) {
    *candidate = Candidate {
        lineage: None,
        spoiled: true,
        authentic: false,
        complete: false,
        artifacts: BTreeMap::new(),
        parents: vec![],
        verified: false,
        failed: false,
        ..candidate.clone()
    };
}

#[test]
fn a_spoiled_one_goes_when_it_would_go_as_a_good_one_and_not_before() {
    let mut all = daily(6);
    spoil(&mut all[3]);
    let last = |count| Policy {
        keep_last: Some(count),
        ..LAST_1
    };
    assert_eq!(reason(&all, &last(3), &all[3]), Reason::Spoiled);
    assert_eq!(kept(&all, &last(3)), [0, 1, 2].map(|day| all[day].id));
    assert_eq!(reason(&all, &last(4), &all[3]), Reason::Unreadable);
    let young = Policy {
        keep_days: Some(3),
        ..LAST_1
    };
    assert_eq!(reason(&all, &young, &all[3]), Reason::Unreadable);
    assert_eq!(reason(&all, &Policy::default(), &all[3]), Reason::Unreadable);
    all[3].spoiled = false;
    assert_eq!(
        reason(&all, &LAST_1, &all[3]),
        Reason::Unreadable,
        "nobody knows whose it was"
    );
}

#[test]
fn a_spoiled_one_stays_while_any_lineage_has_nothing_newer_and_good() {
    let mut all = daily(6);
    spoil(&mut all[0]);
    assert_eq!(reason(&all, &LAST_1, &all[0]), Reason::Unreadable);
    let mut all = daily(6);
    spoil(&mut all[3]);
    all[5].lineage = Some("b".into());
    assert_eq!(reason(&all, &LAST_1, &all[3]), Reason::Unreadable);
    let mut all = daily(2);
    all.iter_mut().for_each(spoil);
    assert_eq!(kept(&all, &LAST_1).len(), 2, "without any good one, every one stays");
}

#[test]
fn a_spoiled_one_that_may_have_held_what_no_newer_one_holds_stays() {
    let mut all = daily(4);
    spoil(&mut all[2]);
    all[3].artifacts = holding(&[("db", 100), ("other", 100)]);
    assert_eq!(reason(&all, &LAST_1, &all[2]), Reason::Unreadable);
    all[0].artifacts = all[3].artifacts.clone();
    assert_eq!(kept(&all, &LAST_1), [all[0].id]);
}

#[test]
fn a_spoiled_one_that_others_build_on_stays() {
    let mut all = daily(4);
    spoil(&mut all[3]);
    all[0].parents = vec![all[3].id];
    assert_eq!(reason(&all, &LAST_1, &all[3]), Reason::ParentOf(all[0].id));
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let flags = (
        any::<bool>(),
        any::<bool>(),
        proptest::bool::weighted(0.8),
        proptest::bool::weighted(0.9),
    );
    let artifacts = proptest::collection::btree_map("[abc]", 0u64..200, 1..4);
    (-10i64..2000, artifacts, flags, 0..4u8).prop_map(
        |(hours, artifacts, (verified, failed, complete, authentic), lineage)| {
            let mut candidate = Candidate {
                artifacts,
                verified,
                failed: failed && verified,
                complete,
                authentic,
                lineage: (lineage > 0).then(|| lineage.to_string()),
                ..good(hours)
            };
            if lineage == 3 {
                spoil(&mut candidate);
            }
            candidate
        },
    )
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let count = || proptest::option::of(0u32..5);
    (count(), count(), count(), count(), count(), count()).prop_map(
        |(keep_days, keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly)| Policy {
            keep_days,
            keep_last,
            keep_daily,
            keep_hourly,
            keep_weekly,
            keep_monthly,
        },
    )
}

proptest! {
    #[test]
    fn whatever_the_policy_what_matters_most_stays(
        mut all in proptest::collection::vec(any_candidate(), 0..40),
        links in proptest::collection::vec((0usize..40, 0usize..40), 0..10),
        policy in any_policy(),
    ) {
        all.sort_by_key(|candidate| candidate.id);
        all.dedup_by_key(|candidate| candidate.id);
        for (child, parent) in links {
            if child > parent && child < all.len() && !all[child].spoiled {
                let parent = all[parent].id;
                all[child].parents.push(parent);
            }
        }
        let kept = kept(&all, &policy);
        let newest_first = || all.iter().rev();
        for lineage in ["1", "2"] {
            let of = |c: &&Candidate| c.lineage.as_deref() == Some(lineage) && c.authentic && c.id.timestamp() <= now();
            let newest = newest_first().filter(of).find(|c| c.complete);
            prop_assert!(newest.is_none_or(|must| kept.contains(&must.id) || must.artifacts.is_empty()));
            for name in ["a", "b", "c"] {
                let holder = newest_first().filter(of).find(|c| !c.failed && c.artifacts.contains_key(name));
                prop_assert!(holder.is_none_or(|holder| kept.contains(&holder.id)), "the newest good copy of {name}");
                let good = |c: &&Candidate| c.verified && !c.failed && c.artifacts.contains_key(name);
                let verified = newest_first().filter(of).find(good);
                prop_assert!(verified.is_none_or(|verified| kept.contains(&verified.id)), "the last verified one of {name}");
            }
            for gone in newest_first().filter(of).filter(|c| !kept.contains(&c.id)) {
                let stands_in = |c: &&Candidate| c.id > gone.id && !c.failed && kept.contains(&c.id);
                let mut held = 0;
                for name in gone.artifacts.keys() {
                    let lengths = newest_first().filter(of).filter(stands_in).filter_map(|c| c.artifacts.get(name));
                    let most = lengths.max();
                    prop_assert!(most.is_some(), "a newer good one that stays holds {name}");
                    held += most.unwrap_or(&0);
                }
                if !gone.failed {
                    prop_assert!(held * 2 >= gone.artifacts.values().sum());
                    for name in gone.artifacts.keys() {
                        let holds = |c: &&Candidate| c.artifacts.contains_key(name);
                        let newer = newest_first().filter(of).filter(stands_in).filter(holds).count();
                        prop_assert!(newer as u64 >= u64::from(policy.keep_last.unwrap_or(0)), "each artifact is counted by itself");
                    }
                }
            }
        }
        for child in all.iter().filter(|c| kept.contains(&c.id)) {
            prop_assert!(child.parents.iter().all(|parent| kept.contains(parent)));
        }
        for sure in all.iter().filter(|c| !c.spoiled && (c.lineage.is_none() || !c.authentic)) {
            prop_assert!(kept.contains(&sure.id));
        }
    }

    #[test]
    fn spoiled_ones_count_for_nothing_and_go_only_when_newer_good_ones_satisfy_the_policy(
        mut all in proptest::collection::vec(any_candidate(), 0..40),
        policy in any_policy(),
    ) {
        all.sort_by_key(|candidate| candidate.id);
        all.dedup_by_key(|candidate| candidate.id);
        let readable: Vec<_> = all.iter().filter(|c| !c.spoiled).cloned().collect();
        let (kept, without) = (kept(&all, &policy), kept(&readable, &policy));
        let spoiled = |id: &&BackupId| all.iter().any(|c| c.spoiled && c.id == **id);
        let others: Vec<_> = kept.iter().filter(|id| !spoiled(id)).copied().collect();
        prop_assert_eq!(others, without);
        for gone in all.iter().filter(|c| c.spoiled && !kept.contains(&c.id)) {
            let age = now().duration_since(gone.id.timestamp());
            prop_assert!(policy.keep_days.is_none_or(|days| age > SignedDuration::from_hours(24 * i64::from(days))));
            for lineage in ["1", "2"] {
                let counts = |c: &&Candidate| c.lineage.as_deref() == Some(lineage) && c.authentic && c.id.timestamp() <= now();
                let newer = readable.iter().filter(counts).filter(|c| c.id > gone.id && !c.failed);
                let newer = newer.filter(|c| kept.contains(&c.id)).count() as u64;
                let empty = !readable.iter().any(|c| counts(&c));
                prop_assert!(empty || newer >= u64::from(policy.keep_last.unwrap_or(0).max(1)));
            }
        }
    }

    #[test]
    fn more_rules_never_keep_less(
        mut all in proptest::collection::vec(any_candidate(), 0..40),
        policy in any_policy(),
        last in 0u32..5,
    ) {
        // Of equal content: what a rule keeps may be what lets a larger, older one go.
        let readable = all.iter_mut().filter(|candidate| !candidate.spoiled);
        readable.for_each(|candidate| candidate.artifacts = holding(&[("db", 100)]));
        all.sort_by_key(|candidate| candidate.id);
        all.dedup_by_key(|candidate| candidate.id);
        let more = Policy { keep_last: Some(policy.keep_last.unwrap_or(0).max(last)), ..policy };
        let (less, more) = (kept(&all, &policy), kept(&all, &more));
        prop_assert!(policy.is_empty() || less.iter().all(|id| more.contains(id)));
    }
}

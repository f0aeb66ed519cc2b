//! `prune`: delete what the keep rules do not keep, and what dead runs left.

mod forget;

use crate::{
    args::verbs::PruneWhat,
    config::common::Keep,
    context::Context,
    output::Report,
    repository,
    table::{Align, Table},
};
use backup_core::{
    self as core, Result,
    catalog::{Holder, Repository},
    event::{Finding, Severity},
    id::BackupId,
    retention::Policy,
    run::prune::{PrunePlan, PruneReport, PruneRequest, Verdict, plan_prune, prune as execute},
    target::BackupTarget,
};
use serde::Serialize;

/// Plans, and unless it is a dry run, deletes.
///
/// # Errors
/// [`backup_core::ErrorKind::Locked`] while another run works on the target; those of keys and store.
pub async fn prune(context: &Context, program: &str, target: &dyn BackupTarget, what: &PruneWhat) -> Result<()> {
    if let Some(id) = what.forget {
        return forget::forget(context, program, target, (id, what.confirm)).await;
    }
    if let Some(id) = what.forget_unsigned {
        return forget::forget_unsigned(context, program, target, (id, what.confirm)).await;
    }
    if context.config.dry_run {
        let cx = repository::for_reading(context, program)?;
        let request = request(context, repository::existing(&cx).await?, None);
        let plan = plan_prune(&cx, target, &request, cx.clock.now(), None).await?;
        return context.output.report(&Shown::new(&plan, None));
    }
    let cx = repository::for_reading(context, program)?;
    let repository = repository::existing(&cx).await?;
    let cx = cx.probed().await?;
    let report = execute(&cx, target, &request(context, repository, None)).await?;
    context.output.report(&Shown::new(&report.plan, Some(&report)))
}

/// What the finished backup `made` lets go; never itself. Whatever goes wrong is a finding: the backup is good.
pub(super) async fn after_backup(
    context: &Context,
    program: &str,
    cx: &core::Context,
    target: &dyn BackupTarget,
    made: BackupId,
) -> Vec<Finding> {
    let pruned = async {
        let repository = repository::existing(cx).await?;
        execute(&cx.probed().await?, target, &request(context, repository, Some(made))).await
    };
    match pruned.await {
        Ok(_) => Vec::new(),
        Err(error) => vec![Finding {
            severity: Severity::Warning,
            subject: "retention".to_owned(),
            message: format!("old backups could not be removed: {}", error.chain()),
            hint: Some(format!("run `{program} prune`")),
        }],
    }
}

fn request(context: &Context, repository: Repository, just_made: Option<BackupId>) -> PruneRequest {
    PruneRequest {
        repository,
        policy: policy(context.config.keep),
        just_made,
        holder: Holder::of_this_process(),
        patience: context.config.lease_wait,
    }
}

fn policy(keep: Keep) -> Policy {
    Policy {
        keep_days: keep.days,
        keep_last: keep.last,
        keep_hourly: keep.hourly,
        keep_daily: keep.daily,
        keep_weekly: keep.weekly,
        keep_monthly: keep.monthly,
    }
}

#[derive(Serialize)]
struct Shown {
    executed: bool,
    backups: Vec<Line>,
    orphans: Vec<Line>,
    /// Objects that no backup needs any more.
    unneeded: u64,
}

#[derive(Serialize)]
struct Line {
    id: String,
    stays: bool,
    why: String,
}

impl Shown {
    fn new(plan: &PrunePlan, executed: Option<&PruneReport>) -> Self {
        let backups = plan.backups.iter().map(|decision| Line {
            id: decision.id.to_string(),
            stays: decision.reason.keeps(),
            why: decision.reason.to_string(),
        });
        let orphans = plan.orphans.iter().map(|orphan| match &orphan.verdict {
            Verdict::Remove => Line {
                id: orphan.id.to_string(),
                stays: false,
                why: "left behind by a dead run".to_owned(),
            },
            Verdict::Keep(why) => Line {
                id: orphan.id.to_string(),
                stays: true,
                why: format!("no manifest: {why}"),
            },
        });
        Self {
            executed: executed.is_some(),
            backups: backups.collect(),
            orphans: orphans.collect(),
            unneeded: plan.unneeded.objects,
        }
    }
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut table = Table::new([("BACKUP", Align::Left), ("", Align::Left), ("WHY", Align::Left)]);
        let gone = if self.executed { "deleted" } else { "would go" };
        for line in self.backups.iter().chain(&self.orphans) {
            table.row([line.id.as_str(), if line.stays { "stays" } else { gone }, &line.why]);
        }
        if self.unneeded > 0 {
            table.row([
                "",
                gone,
                &format!("{} objects that no backup needs any more", self.unneeded),
            ]);
        }
        table.to_string()
    }
}

//! `unlock`: break the lease of a run that is known to be dead.

use crate::{context::Context, output::Report, repository, table::safe};
use backup_core::{
    Error, ErrorKind, Result,
    catalog::lease::{self, LeaseEntry, LeaseState},
};
use serde::Serialize;

/// Removes every entry of the lease of `target`. A run that still lives notices, and stops.
pub(super) async fn unlock(context: &Context, target: &str, confirmed: Option<&str>) -> Result<()> {
    if confirmed != Some(target) {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("unlocking {target} stops a run that may be alive, and that was not confirmed"),
        )
        .hint("a lease expires by itself a minute after its holder died")
        .hint(format!("if that is what you want: --confirm {target}")));
    }
    let cx = repository::for_reading(context, "backup-admin")?;
    let broken = lease::unlock(&cx, target).await?;
    context.output.report(&Shown::new(target, &broken))
}

#[derive(Serialize)]
struct Shown {
    target: String,
    released: Vec<Released>,
    /// Entries that could not be read. They counted as held.
    unreadable: usize,
}

#[derive(Serialize)]
struct Released {
    purpose: String,
    pid: u32,
    host: String,
}

impl Shown {
    /// A run that ended well leaves its entry as `released`: that was no lock.
    fn new(target: &str, broken: &[LeaseEntry]) -> Self {
        let bodies = broken.iter().filter_map(|entry| entry.body.as_ref());
        let held = bodies.filter(|body| body.state == LeaseState::Held);
        Self {
            target: target.to_owned(),
            released: held
                .map(|body| Released {
                    purpose: body.purpose.clone(),
                    pid: body.pid,
                    host: body.host.clone(),
                })
                .collect(),
            unreadable: broken.iter().filter(|entry| entry.body.is_none()).count(),
        }
    }
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut text: String = self
            .released
            .iter()
            .map(|run| {
                format!(
                    "released: {} by pid {} on {}\n",
                    safe(&run.purpose),
                    run.pid,
                    safe(&run.host)
                )
            })
            .collect();
        if self.unreadable > 0 {
            text.push_str(&format!(
                "removed: {} entries that could not be read\n",
                self.unreadable
            ));
        }
        if text.is_empty() {
            text = format!("{} was not locked\n", self.target);
        }
        text
    }
}

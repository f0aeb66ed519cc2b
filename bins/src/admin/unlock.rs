//! `unlock`: break the lease of a run that is known to be dead.

use crate::{context::Context, repository};
use backup_core::{
    Error, ErrorKind, Result,
    catalog::lease::{self, LeaseState},
};

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
    // An entry that cannot be read counts as held; a run that ended well leaves its entry as `released`.
    let held: Vec<_> = broken
        .iter()
        .filter(|entry| entry.body.as_ref().is_none_or(|body| body.state == LeaseState::Held))
        .collect();
    for holder in held.iter().filter_map(|entry| entry.body.as_ref()) {
        context.output.line(&format!(
            "released: {} by pid {} on {}",
            holder.purpose, holder.pid, holder.host
        ))?;
    }
    if held.is_empty() {
        context.output.line(&format!("{target} was not locked"))?;
    }
    Ok(())
}

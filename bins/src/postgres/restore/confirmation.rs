//! The name that the operator repeats.

use crate::{args::postgres::RestoreArgs, context::Context};
use backup_core::{Error, ErrorKind, Result};

/// A dry run overwrites nothing, so it needs none; a wrong one is told all the same.
pub(super) fn demand_confirmation(context: &Context, args: &RestoreArgs, name: &str) -> Result<()> {
    let message = match args.confirm.as_deref() {
        Some(confirmed) if confirmed == name => return Ok(()),
        None if context.config.dry_run => return Ok(()),
        None => format!("a restore overwrites {name}, and that was not confirmed"),
        Some(other) => format!("a restore overwrites {name}, but {other} was confirmed"),
    };
    Err(Error::new(ErrorKind::Refused, message).hint(format!("if that is what you want: --confirm {name}")))
}

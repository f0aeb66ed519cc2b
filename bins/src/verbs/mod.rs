//! What the verbs of all backup programs have in common. A program says which target it works on, and the words that differ.

mod absent;
pub mod backup;
pub mod check;
pub mod list;
pub mod origin;
pub mod prune;
pub mod verify;

use crate::context::Context;
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
};

/// With `--strict`, findings that matter are no success: `done` was done, and somebody has to look.
///
/// # Errors
/// [`ErrorKind::Findings`] then.
pub fn strict(context: &Context, findings: &[Finding], done: &str) -> Result<()> {
    if context.config.strict && findings.iter().any(|finding| finding.severity > Severity::Note) {
        return Err(Error::new(
            ErrorKind::Findings,
            format!("{done}, and there are findings"),
        ));
    }
    Ok(())
}

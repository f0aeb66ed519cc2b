//! `backup-admin keys recovery-new`.

use crate::{context::Context, keyring, output::Report};
use backup_core::{Result, keys::recovery_pair};
use serde::Serialize;
use std::path::Path;

/// The public half of a new recovery key; on stdout alone, so that a script can take it from there.
#[derive(Serialize)]
struct Public {
    public: String,
}

impl Report for Public {
    fn text(&self) -> String {
        format!("{}\n", self.public)
    }
}

/// Makes a recovery key: private half into the file, public half on stdout. With a key file configured, the file for the safe also gets the public
/// halves of its signing keys, so that it restores alone.
pub(super) fn run(out: &Path, context: &Context) -> Result<()> {
    let pair = recovery_pair(context.entropy.as_ref(), context.clock.now())?;
    let pair = pair.trusting(&keyring::load(&context.config)?);
    keyring::write_new(out, &pair.secret_file)?;
    context.output.report(&Public { public: pair.public })?;
    tracing::info!(
        "put the line above into BACKUP_RECOVERY_KEY, and {} into a safe",
        out.display()
    );
    Ok(())
}

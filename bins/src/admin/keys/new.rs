//! `backup-admin keys new`.

use super::show::Keys;
use crate::{context::Context, keyring};
use backup_core::{Result, keys::fresh_key_file};
use std::path::Path;

/// Makes a key file, reads it back, and shows what is in it.
pub(super) fn run(out: &Path, context: &Context) -> Result<()> {
    let text = fresh_key_file(context.entropy.as_ref(), context.clock.now())?;
    keyring::write_new(out, &text)?;
    let ring = keyring::read_key_file(out)?;
    context.output.report(&Keys::new(&ring))?;
    tracing::info!(
        "keep a copy of {} outside the cluster and outside the store: without it no backup opens",
        out.display()
    );
    Ok(())
}

//! `backup-admin keys recovery-trust`.

use super::{recovery_new::tell_writers, show::Keys};
use crate::{context::Context, keyring};
use backup_core::Result;
use std::path::{Path, PathBuf};

/// Adds the public halves of those who sign to a recovery file, and shows what is in it then.
pub(super) fn run(file: &Path, writers: &[PathBuf], context: &Context) -> Result<()> {
    let rings: Result<Vec<_>> = writers.iter().map(|path| keyring::read_key_file(path)).collect();
    keyring::trust(file, &rings?)?;
    let ring = keyring::read_key_file(file)?;
    context.output.report(&Keys::new(&ring))?;
    tell_writers(file, &ring);
    tracing::info!(
        "put the `verify` lines into BACKUP_RECOVERY_KEY as well: `check` then knows that the file in the safe has them"
    );
    Ok(())
}

//! `backup-admin keys recovery-new`.

use crate::{context::Context, keyring, output::Report};
use backup_core::{
    Result,
    keys::{Keyring, recovery_pair},
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The public half of a new recovery key and the writers that its file names; on stdout alone, so that a script can take it from there.
#[derive(Serialize)]
struct Public {
    public: String,
    /// Ids of the signatures that the recovery file trusts.
    writers: Vec<String>,
}

impl Report for Public {
    fn text(&self) -> String {
        format!("{}\n", self.public)
    }
}

/// Makes a recovery key: private half into the file, public half on stdout. The file for the safe also gets the public halves of the keys that sign in
/// the key files `writers` and in the configured one, so that it restores alone.
pub(super) fn run(out: &Path, writers: &[PathBuf], context: &Context) -> Result<()> {
    let pair = recovery_pair(context.entropy.as_ref(), context.clock.now())?;
    let mut pair = pair.trusting(&keyring::load(&context.config)?)?;
    for writer in writers {
        pair = pair.trusting(&keyring::read_key_file(writer)?)?;
    }
    keyring::write_new(out, &pair.secret_file)?;
    let ring = keyring::read_key_file(out)?;
    let writers = ring.writers().into_iter().map(|(id, _)| id.to_string()).collect();
    context.output.report(&Public {
        public: pair.public,
        writers,
    })?;
    tell_writers(out, &ring);
    tracing::info!(
        "put the lines above into BACKUP_RECOVERY_KEY, and {} into a safe",
        out.display()
    );
    Ok(())
}

/// Says whose backups the recovery file `path` vouches for.
pub(super) fn tell_writers(path: &Path, ring: &Keyring) {
    let path = path.display();
    let ids: Vec<_> = ring.writers().into_iter().map(|(id, _)| id.to_string()).collect();
    if ids.is_empty() {
        tracing::warn!(
            "{path} knows no writer: alone it opens backups, and nobody knows who wrote them; HINT: backup-admin keys recovery-trust {path} --for backup.key"
        );
    } else {
        tracing::info!("{path} knows the writers {}", ids.join(", "));
    }
}

//! `backup-admin keys check`.

use crate::{context::Context, keyring, output::Report};
use backup_core::{Result, keys::Keyring};
use serde::Serialize;
use std::path::Path;

/// What a key file is good for.
#[derive(Serialize)]
struct Use {
    seal: bool,
    open: bool,
    sign: bool,
}

impl From<&Keyring> for Use {
    fn from(ring: &Keyring) -> Self {
        Self {
            seal: ring.can_seal(),
            open: ring.can_open(),
            sign: ring.can_sign(),
        }
    }
}

impl Report for Use {
    fn text(&self) -> String {
        let line = |can, what| {
            if can {
                format!("can {what}\n")
            } else {
                format!("cannot {what}\n")
            }
        };
        line(self.seal, "seal new backups") + &line(self.open, "open backups") + &line(self.sign, "sign manifests")
    }
}

/// Reads the file as every program would: lines, checksums, weak keys, mode.
pub(super) fn run(file: &Path, context: &Context) -> Result<()> {
    context.output.report(&Use::from(&keyring::read_key_file(file)?))
}

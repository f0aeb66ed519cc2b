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
    /// Ids of the signatures that it trusts.
    writers: Vec<String>,
}

impl From<&Keyring> for Use {
    fn from(ring: &Keyring) -> Self {
        Self {
            seal: ring.can_seal(),
            open: ring.can_open(),
            sign: ring.can_sign(),
            writers: ring.writers().into_iter().map(|(id, _)| id.to_string()).collect(),
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
        let writers = match self.writers.as_slice() {
            [] => "knows no writer: nobody vouches for backups\n".to_owned(),
            ids => format!("knows the writers {}\n", ids.join(", ")),
        };
        line(self.seal, "seal new backups")
            + &line(self.open, "open backups")
            + &line(self.sign, "sign manifests")
            + &writers
    }
}

/// Reads the file as every program would: lines, checksums, weak keys, mode.
pub(super) fn run(file: &Path, context: &Context) -> Result<()> {
    context.output.report(&Use::from(&keyring::read_key_file(file)?))
}

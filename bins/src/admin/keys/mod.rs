//! `backup-admin keys`.

mod check;
mod new;
mod recovery_new;
mod recovery_trust;
mod show;

use crate::{args::admin::KeysVerb, context::Context};
use backup_core::Result;

pub(super) fn run(verb: &KeysVerb, context: &Context) -> Result<()> {
    match verb {
        KeysVerb::New { out } => new::run(out, context),
        KeysVerb::RecoveryNew { out, writers } => recovery_new::run(out, writers, context),
        KeysVerb::RecoveryTrust { file, writers } => recovery_trust::run(file, writers, context),
        KeysVerb::Show { file } => show::run(file, context),
        KeysVerb::Check { file } => check::run(file, context),
    }
}

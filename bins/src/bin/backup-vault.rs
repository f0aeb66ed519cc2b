//! `backup-vault`: takes Raft snapshots of Vault, proves, lists and restores them.

use backup_bins::{app, args::vault::VaultArgs, vault};
use std::process::ExitCode;

fn main() -> ExitCode {
    app::main(|args: VaultArgs, context| vault::run(args, context))
}

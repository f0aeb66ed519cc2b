//! `backup-admin`: keys, and a look at the configuration.

use backup_bins::{admin, app, args::admin::AdminArgs};
use std::process::ExitCode;

fn main() -> ExitCode {
    app::main(|args: AdminArgs, context| admin::run(args, context))
}

//! `backup-postgres`: backs up PostgreSQL databases, verifies, lists and restores them.

use backup_bins::{app, args::postgres::PostgresArgs, postgres};
use std::process::ExitCode;

fn main() -> ExitCode {
    app::main(|args: PostgresArgs, context| postgres::run(args, context))
}

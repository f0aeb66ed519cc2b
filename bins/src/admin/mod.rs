//! The verbs of `backup-admin`.

mod cat;
mod keys;
mod repository;
mod show_config;
mod unlock;

use crate::{
    args::admin::{AdminArgs, AdminVerb, RepositoryVerb},
    context::Context,
};
use backup_core::Result;

/// Does what was asked for.
///
/// # Errors
/// Whatever the verb runs into.
pub async fn run(args: AdminArgs, context: Context) -> Result<()> {
    match args.verb {
        AdminVerb::Keys(verb) => keys::run(&verb, &context),
        AdminVerb::Cat { key } => Box::pin(cat::cat(&context, &key)).await,
        AdminVerb::Repository(RepositoryVerb::Restore { id }) => Box::pin(repository::restore(&context, id)).await,
        AdminVerb::Unlock { target, confirm } => Box::pin(unlock::unlock(&context, &target, confirm.as_deref())).await,
        AdminVerb::ShowConfig { program } => show_config::run(program, &args.everywhere, &context),
    }
}

//! The command line of `backup-admin`.

use super::{
    CommandLine,
    flags::{Everywhere, Flags},
};
use crate::{
    config::{layers::Layer, setting::Program, table},
    exit,
};
use backup_core::id::RepositoryId;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Works across all components of the platform backup suite.
#[derive(Debug, Clone, Parser)]
#[command(name = "backup-admin", version, after_help = exit::help(), subcommand_required = true, arg_required_else_help = true)]
pub struct AdminArgs {
    #[command(flatten)]
    /// Settings that were given as options.
    pub everywhere: Flags<Everywhere>,
    /// What to do.
    #[command(subcommand)]
    pub verb: AdminVerb,
}

/// What `backup-admin` can do.
#[derive(Debug, Clone, Subcommand)]
pub enum AdminVerb {
    /// Make and look at key files.
    #[command(subcommand)]
    Keys(KeysVerb),
    /// Write the opened content of an object to stdout, for pg_restore, vault or zstd to take from there.
    Cat {
        /// A key below the root of the store, or its full address.
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Mend what identifies a repository.
    #[command(subcommand)]
    Repository(RepositoryVerb),
    /// Break the lease of a run that is known to be dead.
    Unlock {
        /// What is locked, as postgres.dump.
        #[arg(value_name = "TARGET")]
        target: String,
        /// The target again.
        #[arg(long, value_name = "TARGET")]
        confirm: Option<String>,
    },
    /// Show each setting of each program, and where its value comes from.
    ShowConfig {
        /// Only this program, as backup-postgres.
        #[arg(value_name = "PROGRAM", value_parser = program)]
        program: Option<Program>,
    },
}

/// What can be done with a repository.
#[derive(Debug, Clone, Subcommand)]
pub enum RepositoryVerb {
    /// Make repository.json anew, signed, where it is lost, damaged, or not what the signed manifests say.
    Restore {
        /// Vouch for this id, where the manifests name several, or no key vouches for them.
        #[arg(long, value_name = "ID")]
        id: Option<RepositoryId>,
    },
}

/// What can be done with key files.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysVerb {
    /// Make a key file: one key that seals and opens, one that signs.
    New {
        /// The file to make; it must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Make a recovery key: the private half goes to the file, for a safe; the public half is printed, for BACKUP_RECOVERY_KEY.
    RecoveryNew {
        /// The file to make; it must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// A key file that signs backups, or its public half: the recovery key then knows who wrote them. May be repeated; BACKUP_KEY_FILE counts too.
        #[arg(long = "for", value_name = "FILE")]
        writers: Vec<PathBuf>,
    },
    /// Let a recovery file know further writers: those who sign with these key files.
    RecoveryTrust {
        /// The recovery file; it is replaced in one step.
        file: PathBuf,
        /// A key file that signs backups, or its public half. May be repeated.
        #[arg(long = "for", value_name = "FILE", required = true)]
        writers: Vec<PathBuf>,
    },
    /// Show ids and public halves of the keys in a file.
    Show {
        /// The key file.
        file: PathBuf,
    },
    /// Say whether a key file can be used, and for what.
    Check {
        /// The key file.
        file: PathBuf,
    },
}

fn program(name: &str) -> Result<Program, String> {
    let found = table::COMPONENTS.into_iter().find(|program| program.name == name);
    found.ok_or_else(|| {
        let names = table::COMPONENTS.map(|program| program.name).join(", ");
        format!("expected one of {names}")
    })
}

impl CommandLine for AdminArgs {
    const PROGRAM: Program = table::ADMIN;

    fn settings(&self) -> Result<Layer, clap::Error> {
        Ok(self.everywhere.given().clone())
    }
}

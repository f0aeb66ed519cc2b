//! Arguments of verbs that several programs have.

use super::{CommandLine, flags::groups};
use crate::config::layers::Layer;
use backup_core::id::BackupId;
use clap::{Args, ValueEnum, error::ErrorKind};
use std::str::FromStr;

/// Which backup is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest complete one.
    Latest,
    /// This one.
    Id(BackupId),
}

impl FromStr for At {
    type Err = backup_core::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "latest" {
            Ok(Self::Latest)
        } else {
            text.parse().map(Self::Id)
        }
    }
}

/// What `verify` looks at.
#[derive(Debug, Clone, Args)]
pub struct VerifyWhat {
    /// The backup to verify [default: latest].
    #[arg(value_name = "ID|latest", value_parser = At::from_str, conflicts_with = "all")]
    pub id: Option<At>,
    /// Verify every backup.
    #[arg(long)]
    pub all: bool,
    /// How deep to look.
    #[arg(long, value_enum, default_value_t = Depth::Content)]
    pub depth: Depth,
}

/// How deep a verification looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Depth {
    /// Lengths and digests of what is stored.
    Objects,
    /// Every byte opened, decompressed and read as what it has to be: by `pg_restore`, or as a whole snapshot.
    Content,
}

groups! {
    /// Settings of `prune`.
    PruneSettings: ["keep-days", "keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "lease-wait", "dry-run"];
}

/// Options of the verb without a name that stand before another verb would be ignored there.
pub(super) fn refuse_misplaced<A: CommandLine>(given: &Layer) -> Result<(), clap::Error> {
    let Some((_, misplaced)) = given.first_key_value() else {
        return Ok(());
    };
    let message = format!("{} must stand after the verb that it is for", misplaced.origin);
    Err(A::command().error(ErrorKind::ArgumentConflict, message))
}

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

/// What `prune` deletes beside what the keep rules let go.
#[derive(Debug, Clone, Args)]
pub struct PruneWhat {
    /// Delete this backup, and nothing else, whatever the keep rules say: one that a wrong clock named stands in the way of all later ones.
    #[arg(long, value_name = "ID", value_parser = BackupId::from_str)]
    pub forget: Option<BackupId>,
    /// Delete this manifest, and nothing that it names, which no known key vouches for, or which cannot be read: it stands in the way of the latest.
    #[arg(long, value_name = "ID", conflicts_with = "forget", value_parser = BackupId::from_str)]
    pub forget_unsigned: Option<BackupId>,
    /// The id to forget, again. A dry run needs none.
    #[arg(long, value_name = "ID", value_parser = BackupId::from_str)]
    pub confirm: Option<BackupId>,
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

/// Of verbs that have none.
pub(super) static NO_SETTINGS: Layer = Layer::new();

/// All settings that were given: `outside` of the verbs, to the `nameless` one, and to the `verb`, if one was named.
///
/// Options of the nameless verb that stand before another would be ignored there, as in `--database x list`: they are refused.
pub(super) fn all_given<A: CommandLine>(
    outside: [&Layer; 2],
    nameless: &Layer,
    verb: Option<&Layer>,
) -> Result<Layer, clap::Error> {
    if let (Some(_), Some((_, misplaced))) = (verb, nameless.first_key_value()) {
        let message = format!("{} must stand after the verb that it is for", misplaced.origin);
        return Err(A::command().error(ErrorKind::ArgumentConflict, message));
    }
    let layers = outside.into_iter().chain([nameless]).chain(verb);
    Ok(layers.flatten().map(|(name, given)| (*name, given.clone())).collect())
}

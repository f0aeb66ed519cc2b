//! The command line of `backup-vault`.

use super::{
    CommandLine,
    flags::{Everywhere, Flags, Group, groups},
    verbs::{At, NO_SETTINGS, PruneSettings, PruneWhat, VerifyWhat, all_given},
};
use crate::{
    config::{layers::Layer, setting::Program, table, value},
    exit,
};
use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, str::FromStr, time::Duration};

/// Takes Raft snapshots of Vault, proves that they are whole, and restores them. Without a verb: `snapshot`.
#[derive(Debug, Clone, Parser)]
#[command(name = "backup-vault", version, after_help = exit::help())]
pub struct VaultArgs {
    #[command(flatten)]
    everywhere: Flags<Everywhere>,
    #[command(flatten)]
    connection: Flags<Connection>,
    #[command(flatten)]
    snapshot: Flags<SnapshotSettings>,
    #[command(subcommand)]
    verb: Option<VaultVerb>,
}

/// What `backup-vault` can do.
#[derive(Debug, Clone, Subcommand)]
pub enum VaultVerb {
    /// Take a snapshot, prove it, store it, and prove what is stored (the default).
    Snapshot(SnapshotArgs),
    /// Replace everything in a Vault by a snapshot.
    Restore(RestoreArgs),
    /// Show what a snapshot holds. Needs no server, and for a file no store.
    Inspect(InspectArgs),
    /// Prove that a backup is complete and readable.
    Verify(VerifyArgs),
    /// Show what is there.
    List,
    /// Delete what the keep rules do not keep, and what dead runs left.
    Prune(PruneArgs),
    /// Look at server, token, store, keys and clocks before they matter.
    Check,
    /// Print the policies and tokens that a backup and a restore need.
    Policy,
}

/// `snapshot`.
#[derive(Debug, Clone, Args)]
pub struct SnapshotArgs {
    #[command(flatten)]
    settings: Flags<SnapshotSettings>,
}

/// `restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// A snapshot to restore instead of a backup's: a key of the store, a file (also a sealed object that was copied from the store), or - for standard input.
    #[arg(value_name = "FILE|KEY|-", conflicts_with = "at")]
    pub from: Option<String>,
    /// The backup to restore [default: latest].
    #[arg(long, value_name = "ID|latest", value_parser = At::from_str)]
    pub at: Option<At>,
    /// The name of the cluster that will be overwritten; without it, the refusal tells the name. A dry run needs none.
    #[arg(long, value_name = "CLUSTER")]
    pub confirm: Option<String>,
    /// Restore the snapshot of another cluster, as onto a fresh server: its unseal keys will be the ORIGINAL ones.
    #[arg(long)]
    pub force: bool,
    /// Restore onto a cluster that has more than one server.
    #[arg(long)]
    pub allow_many_peers: bool,
    /// If the server seals itself, wait until it was unsealed, this long [default: 1h].
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "1h", value_parser = value::time_span)]
    pub wait_unsealed: Option<Duration>,
    /// List this path of the restored Vault at the end, as secret/platform/iam/.
    #[arg(long, value_name = "PATH")]
    pub verify_path: Option<String>,
    /// The file with a token of the restored cluster for --verify-path; it is read after the restore.
    #[arg(long, value_name = "FILE", requires = "verify_path")]
    pub verify_token_file: Option<PathBuf>,
    /// Take a file whose last eight bytes are cut: all data in it is proven without them.
    #[arg(long)]
    pub lenient_trailer: bool,
    /// Restore what no key of ours vouches for.
    #[arg(long)]
    pub allow_unauthenticated_origin: bool,
    #[command(flatten)]
    settings: Flags<RestoreSettings>,
}

/// `inspect`.
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    /// The snapshot: a file (sealed or not), a key of the store, a backup, or - for standard input.
    #[arg(value_name = "FILE|KEY|ID|latest|-", default_value = "latest")]
    pub what: String,
    /// Take a file whose last eight bytes are cut.
    #[arg(long)]
    pub lenient_trailer: bool,
}

/// `verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    what: VerifyWhat,
    #[command(flatten)]
    settings: Flags<VerifySettings>,
}

/// `prune`.
#[derive(Debug, Clone, Args)]
pub struct PruneArgs {
    #[command(flatten)]
    what: PruneWhat,
    #[command(flatten)]
    settings: Flags<PruneSettings>,
}

/// The verb that was asked for, with its own arguments.
#[derive(Debug, Clone)]
pub enum Asked<'a> {
    /// Take a snapshot. All of its arguments are settings.
    Snapshot,
    /// Restore.
    Restore(&'a RestoreArgs),
    /// Look into a snapshot.
    Inspect(&'a InspectArgs),
    /// Verify.
    Verify(&'a VerifyWhat),
    /// List.
    List,
    /// Prune.
    Prune(&'a PruneWhat),
    /// Check.
    Check,
    /// Print policies.
    Policy,
}

impl VaultArgs {
    /// What to do.
    #[must_use]
    pub fn asked(&self) -> Asked<'_> {
        match &self.verb {
            None | Some(VaultVerb::Snapshot(_)) => Asked::Snapshot,
            Some(VaultVerb::Restore(args)) => Asked::Restore(args),
            Some(VaultVerb::Inspect(args)) => Asked::Inspect(args),
            Some(VaultVerb::Verify(args)) => Asked::Verify(&args.what),
            Some(VaultVerb::List) => Asked::List,
            Some(VaultVerb::Prune(args)) => Asked::Prune(&args.what),
            Some(VaultVerb::Check) => Asked::Check,
            Some(VaultVerb::Policy) => Asked::Policy,
        }
    }
}

impl VaultVerb {
    fn settings(&self) -> &Layer {
        match self {
            Self::Snapshot(args) => args.settings.given(),
            Self::Restore(args) => args.settings.given(),
            Self::Verify(args) => args.settings.given(),
            Self::Prune(args) => args.settings.given(),
            Self::Inspect(_) | Self::List | Self::Check | Self::Policy => &NO_SETTINGS,
        }
    }
}

impl CommandLine for VaultArgs {
    const PROGRAM: Program = table::VAULT;

    /// A snapshot is one stream of small pieces: a second thread would wake for each of them and find nothing to do. With two, 200 MB took 30,000
    /// context switches and a fifth more CPU; with one 12,000.
    fn workers(&self) -> Option<usize> {
        matches!(self.asked(), Asked::Snapshot).then_some(1)
    }

    fn settings(&self) -> Result<Layer, clap::Error> {
        let outside = [self.everywhere.given(), self.connection.given()];
        all_given::<Self>(
            outside,
            self.snapshot.given(),
            self.verb.as_ref().map(VaultVerb::settings),
        )
    }
}

/// Where the server is, and how to be let in.
#[derive(Debug, Clone)]
pub struct Connection;

impl Group for Connection {
    const NAMES: &'static [&'static str] = &[
        "vault.addr",
        "vault.cacert",
        "vault.client-cert",
        "vault.client-key",
        "vault.tls-server-name",
        "vault.skip-verify",
        "vault.auth",
        "vault.role",
        "vault.jwt-file",
        "vault.auth-mount",
        "vault.spool-dir",
    ];
    const GLOBAL: bool = true;
    const HEADING: &'static str = "Server";
}

groups! {
    /// Settings of `snapshot`.
    SnapshotSettings: [
        "keep-days", "keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "lease-wait", "strict", "dry-run"
    ];
    /// Settings of `restore`.
    RestoreSettings: ["strict", "dry-run"];
    /// Settings of `verify`.
    VerifySettings: ["no-evidence"];
}

#[cfg(test)]
mod tests;

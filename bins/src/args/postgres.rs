//! The command line of `backup-postgres`.

use super::{
    CommandLine,
    flags::{Everywhere, Flags, Group, groups},
    verbs::{At, NO_SETTINGS, PruneSettings, PruneWhat, VerifyWhat, all_given},
};
use crate::{
    config::{layers::Layer, setting::Program, table},
    exit,
};
use clap::{Args, Parser, Subcommand};
use std::str::FromStr;

/// Backs up PostgreSQL databases, verifies, lists and restores them. Without a verb: `dump`.
#[derive(Debug, Clone, Parser)]
#[command(name = "backup-postgres", version, after_help = exit::help())]
pub struct PostgresArgs {
    #[command(flatten)]
    everywhere: Flags<Everywhere>,
    #[command(flatten)]
    connection: Flags<Connection>,
    /// Accepted for the sake of scripts: no password is ever asked for.
    #[arg(long, global = true, help_heading = Connection::HEADING)]
    no_password: bool,
    #[command(flatten)]
    dump: Flags<DumpSettings>,
    #[command(subcommand)]
    verb: Option<PostgresVerb>,
}

/// What `backup-postgres` can do.
#[derive(Debug, Clone, Subcommand)]
pub enum PostgresVerb {
    /// Back up databases, roles and tablespaces (the default).
    Dump(DumpArgs),
    /// Restore one database, or the roles and tablespaces.
    Restore(RestoreArgs),
    /// Prove that a backup is complete and readable.
    Verify(VerifyArgs),
    /// Show what is there.
    List,
    /// Delete what the keep rules do not keep, and what dead runs left.
    Prune(PruneArgs),
    /// Look at server, store, keys and clocks before they matter.
    Check(CheckArgs),
}

/// `dump`.
#[derive(Debug, Clone, Args)]
pub struct DumpArgs {
    #[command(flatten)]
    settings: Flags<DumpSettings>,
}

/// `restore`.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["database", "globals"]).multiple(true)))]
#[command(group(clap::ArgGroup::new("origin").args(["at", "from"]).multiple(false)))]
#[command(group(clap::ArgGroup::new("way").args(["create", "swap", "into_prepared"]).multiple(false)))]
#[command(group(clap::ArgGroup::new("fresh").args(["create", "swap"]).multiple(false)))]
pub struct RestoreArgs {
    /// The database to restore. With --globals: a key of the store, or a file, to take the roles from instead of a backup.
    #[arg(value_name = "DB")]
    pub database: Option<String>,
    /// A dump to restore instead of a backup's: a key of the store or a file, as the old script wrote them, or a sealed object that was copied from the store.
    #[arg(value_name = "KEY|FILE", conflicts_with = "globals")]
    pub from: Option<String>,
    /// The backup to restore from [default: latest].
    #[arg(long, value_name = "ID|latest", value_parser = At::from_str)]
    pub at: Option<At>,
    /// Restore into this database instead of DB.
    #[arg(long, value_name = "NAME", requires = "database", conflicts_with = "globals")]
    pub target_db: Option<String>,
    /// The name of what will be overwritten: NAME if --target-db is given, else DB; with --globals the host of the server. A dry run needs none.
    #[arg(long, value_name = "TARGET")]
    pub confirm: Option<String>,
    /// Create the database; it must not exist, and is dropped again if the restore fails.
    #[arg(long, conflicts_with_all = ["swap", "globals"])]
    pub create: bool,
    /// Restore into a fresh database, check it, then exchange names; the old one stays under a printed name.
    #[arg(long, conflicts_with = "globals")]
    pub swap: bool,
    /// Restore into a database that exists and holds nothing but extensions and their schemas, made by a superuser because this login may not.
    #[arg(long, conflicts_with = "globals")]
    pub into_prepared: bool,
    /// With --create or --swap: drop what a restore of the same backup left that ended before it was complete, and start anew.
    #[arg(long, requires = "fresh")]
    pub replace_leftover: bool,
    /// Make the roles and tablespaces that the server lacks, and leave alone those that it has.
    #[arg(long)]
    pub globals: bool,
    /// With --globals: set attributes, passwords and memberships of roles that the server has to those of the backup, too.
    #[arg(long, requires = "globals")]
    pub globals_overwrite: bool,
    /// Restore what no key of ours vouches for.
    #[arg(long)]
    pub allow_unauthenticated_origin: bool,
    /// Restore a backup of another server than the one it goes to, as after the loss of a server.
    #[arg(long)]
    pub allow_other_server: bool,
    #[command(flatten)]
    settings: Flags<RestoreSettings>,
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

/// `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    settings: Flags<CheckSettings>,
}

/// The verb that was asked for, with its own arguments.
#[derive(Debug, Clone)]
pub enum Asked<'a> {
    /// Back up. All of its arguments are settings.
    Dump,
    /// Restore.
    Restore(&'a RestoreArgs),
    /// Verify.
    Verify(&'a VerifyWhat),
    /// List.
    List,
    /// Prune.
    Prune(&'a PruneWhat),
    /// Check. All of its arguments are settings.
    Check,
}

impl PostgresArgs {
    /// What to do.
    #[must_use]
    pub fn asked(&self) -> Asked<'_> {
        match &self.verb {
            None | Some(PostgresVerb::Dump(_)) => Asked::Dump,
            Some(PostgresVerb::Restore(args)) => Asked::Restore(args),
            Some(PostgresVerb::Verify(args)) => Asked::Verify(&args.what),
            Some(PostgresVerb::List) => Asked::List,
            Some(PostgresVerb::Prune(args)) => Asked::Prune(&args.what),
            Some(PostgresVerb::Check(_)) => Asked::Check,
        }
    }
}

impl PostgresVerb {
    fn settings(&self) -> &Layer {
        match self {
            Self::Dump(args) => args.settings.given(),
            Self::Restore(args) => args.settings.given(),
            Self::Verify(args) => args.settings.given(),
            Self::Prune(args) => args.settings.given(),
            Self::Check(args) => args.settings.given(),
            Self::List => &NO_SETTINGS,
        }
    }
}

impl CommandLine for PostgresArgs {
    const PROGRAM: Program = table::POSTGRES;

    fn settings(&self) -> Result<Layer, clap::Error> {
        let outside = [self.everywhere.given(), self.connection.given()];
        all_given::<Self>(
            outside,
            self.dump.given(),
            self.verb.as_ref().map(PostgresVerb::settings),
        )
    }
}

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Connection;

impl Group for Connection {
    const NAMES: &'static [&'static str] = &[
        "postgres.host",
        "postgres.port",
        "postgres.user",
        "postgres.sslmode",
        "postgres.sslrootcert",
        "postgres.sslcert",
        "postgres.sslkey",
        "postgres.maintenance-db",
        "postgres.pg-bin",
        "postgres.lock-wait",
    ];
    const GLOBAL: bool = true;
    const HEADING: &'static str = "Server";
}

groups! {
    /// Settings of `dump`.
    DumpSettings: [
        "postgres.databases", "postgres.all", "postgres.exclude", "jobs", "compression-level", "keep-days", "keep-last", "keep-hourly", "keep-daily",
        "keep-weekly", "keep-monthly", "lease-wait", "strict", "dry-run"
    ];
    /// Settings of `restore`.
    RestoreSettings: ["strict", "dry-run"];
    /// Settings of `verify`.
    VerifySettings: ["no-evidence", "jobs"];
    /// Settings of `check`.
    CheckSettings: ["postgres.databases", "postgres.all", "postgres.exclude"];
}

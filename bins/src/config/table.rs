//! Every setting of the suite, and the programs with their own defaults.

use super::setting::{
    Kind::{Bool, Bytes, Choice, Duration, Folder, List, Number, Path, Secret, Sse, Text},
    Program, Setting,
};
use backup_postgres::DEFAULT_DATABASES_TEXT;

/// Where the configuration file is if nobody says so; it need not exist.
pub const DEFAULT_FILE: &str = "/etc/platform-backup/config.toml";

/// `backup-postgres`.
pub const POSTGRES: Program = Program {
    name: "backup-postgres",
    section: Some("postgres"),
    defaults: &[("store", "s3://platform-backups/postgres"), ("keep-days", "30")],
};

/// `backup-admin`: works across all components and has no section and no store of its own.
pub const ADMIN: Program = Program {
    name: "backup-admin",
    section: None,
    defaults: &[],
};

/// The programs that have a section.
pub const COMPONENTS: [Program; 1] = [POSTGRES];

/// All settings, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    Setting::new("config", Path, "Configuration file (TOML)")
        .env(&["BACKUP_CONFIG"])
        .flag("config")
        .not_in_config(),
    Setting::new(
        "store",
        Text,
        "Where backups are kept: s3://bucket/prefix, gs://…, az://…, file:///folder",
    )
    .env(&["BACKUP_STORE"])
    .flag("store"),
    Setting::new(
        "key-file",
        Path,
        "Key file (`backup-admin keys new` makes one); mode 0600",
    )
    .env(&["BACKUP_KEY_FILE"])
    .flag("key-file"),
    Setting::new(
        "recovery-key",
        List,
        "Public keys of type recovery or verify: seal for, or verify with, without any secret that opens",
    )
    .env(&["BACKUP_RECOVERY_KEY"])
    .flag("recovery-key")
    .from_file(),
    Setting::new(
        "sse",
        Sse,
        "Store raw bytes, encrypted by the store: aws:kms[:KEYID] or AES256",
    )
    .env(&["BACKUP_SSE"])
    .flag("sse"),
    Setting::new("memory", Bytes, "Memory budget, whatever the size of the data")
        .env(&["BACKUP_MEMORY"])
        .flag("memory")
        .default("128MiB"),
    Setting::new(
        "jobs",
        Number(1, 256),
        "How many items are worked on at once [default: by processors and memory]",
    )
    .env(&["BACKUP_JOBS"])
    .flag("jobs"),
    Setting::new("compression-level", Number(1, 19), "zstd level of sealed objects")
        .env(&["BACKUP_COMPRESSION_LEVEL"])
        .flag("compression-level")
        .default("3"),
    Setting::new(
        "keep-days",
        Number(1, 36_500),
        "Keep backups younger than this many days (the default holds only without other keep rules)",
    )
    .env(&["BACKUP_KEEP_DAYS"])
    .flag("keep-days"),
    Setting::new("keep-last", Number(1, 100_000), "Keep the newest N backups")
        .env(&["BACKUP_KEEP_LAST"])
        .flag("keep-last"),
    Setting::new(
        "keep-hourly",
        Number(1, 100_000),
        "Keep the last backup of each of N hours",
    )
    .env(&["BACKUP_KEEP_HOURLY"])
    .flag("keep-hourly"),
    Setting::new(
        "keep-daily",
        Number(1, 100_000),
        "Keep the last backup of each of N days",
    )
    .env(&["BACKUP_KEEP_DAILY"])
    .flag("keep-daily"),
    Setting::new(
        "keep-weekly",
        Number(1, 100_000),
        "Keep the last backup of each of N weeks",
    )
    .env(&["BACKUP_KEEP_WEEKLY"])
    .flag("keep-weekly"),
    Setting::new(
        "keep-monthly",
        Number(1, 100_000),
        "Keep the last backup of each of N months",
    )
    .env(&["BACKUP_KEEP_MONTHLY"])
    .flag("keep-monthly"),
    Setting::new("lease-wait", Duration, "How long to wait for another run to end")
        .env(&["BACKUP_LEASE_WAIT"])
        .flag("lease-wait")
        .default("0s"),
    Setting::new(
        "deadline",
        Duration,
        "Give up on a server or store that does not answer for this long",
    )
    .env(&["BACKUP_DEADLINE"])
    .flag("deadline")
    .default("60s"),
    Setting::new("strict", Bool, "Exit 12 if there are findings")
        .env(&["BACKUP_STRICT"])
        .flag("strict")
        .default("false"),
    Setting::new(
        "no-evidence",
        Bool,
        "Write nothing to the store, not even what was proved",
    )
    .env(&["BACKUP_NO_EVIDENCE"])
    .flag("no-evidence")
    .default("false"),
    Setting::new("dry-run", Bool, "Say what would be done, and do nothing")
        .flag("dry-run")
        .default("false")
        .not_in_config(),
    Setting::new("json", Bool, "Print the result as JSON on stdout")
        .flag("json")
        .default("false")
        .not_in_config(),
    Setting::new("log-format", Choice(&["text", "json"]), "How the log on stderr looks")
        .env(&["BACKUP_LOG_FORMAT"])
        .flag("log-format")
        .default("text"),
    Setting::new("quiet", Bool, "Only warnings and errors")
        .env(&["BACKUP_QUIET"])
        .flag("quiet")
        .short('q')
        .default("false"),
    Setting::new("verbose", Bool, "Log details")
        .env(&["BACKUP_VERBOSE"])
        .flag("verbose")
        .short('v')
        .default("false"),
    Setting::new("postgres.host", Text, "Server, or folder of its socket")
        .env(&["PGHOST"])
        .flag("host")
        .default("postgres"),
    Setting::new("postgres.port", Number(1, 65_535), "Port of the server")
        .env(&["PGPORT"])
        .flag("port")
        .default("5432"),
    Setting::new("postgres.user", Text, "Role to connect as")
        .env(&["PGUSER"])
        .flag("username")
        .default("kernel"),
    Setting::new("postgres.password", Secret, "Password of the role")
        .env(&["POSTGRES_PASSWORD", "PGPASSWORD"])
        .from_file(),
    Setting::new(
        "postgres.sslmode",
        Choice(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
        "TLS to the server",
    )
    .env(&["PGSSLMODE"])
    .flag("sslmode")
    .default("prefer"),
    Setting::new("postgres.sslrootcert", Path, "Certificates that vouch for the server")
        .env(&["PGSSLROOTCERT"])
        .flag("sslrootcert"),
    Setting::new("postgres.sslcert", Path, "Certificate of this client")
        .env(&["PGSSLCERT"])
        .flag("sslcert"),
    Setting::new("postgres.sslkey", Path, "Private key of this client")
        .env(&["PGSSLKEY"])
        .flag("sslkey"),
    Setting::new(
        "postgres.maintenance-db",
        Text,
        "Database for statements about the whole server",
    )
    .env(&["BACKUP_MAINTENANCE_DB"])
    .flag("maintenance-db")
    .default("postgres"),
    Setting::new(
        "postgres.pg-bin",
        Folder,
        "The only folder to look for pg_dump, pg_dumpall, pg_restore and psql in [default: PATH, then Debian's]",
    )
    .env(&["BACKUP_PG_BIN"])
    .flag("pg-bin"),
    Setting::new(
        "postgres.lock-wait",
        Duration,
        "Give up on a lock in the server that others hold for this long; 0 waits without end",
    )
    .env(&["BACKUP_LOCK_WAIT"])
    .flag("lock-wait")
    .default("5m"),
    Setting::new(
        "postgres.connect-timeout",
        Number(0, 86_400),
        "Seconds to wait for a connection; 0: as --deadline",
    )
    .env(&["PGCONNECT_TIMEOUT"])
    .default("0"),
    Setting::new("postgres.databases", List, "Database to back up; may be repeated")
        .env(&["BACKUP_DATABASES"])
        .flag("database")
        .default(DEFAULT_DATABASES_TEXT),
    Setting::new("postgres.all", Bool, "Back up every database of the server")
        .env(&["BACKUP_ALL"])
        .flag("all")
        .default("false"),
    Setting::new("postgres.exclude", List, "Database to leave out; may be repeated")
        .env(&["BACKUP_EXCLUDE"])
        .flag("exclude"),
];

/// The setting of this full name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// A variable of libpq that the client programs are not given and that this program does not follow.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// Its name.
    pub name: &'static str,
    /// Values that ask for nothing but what is done anyway.
    pub harmless: &'static [&'static str],
    /// What to use instead.
    pub instead: &'static str,
}

const fn refused(name: &'static str, harmless: &'static [&'static str], instead: &'static str) -> Refused {
    Refused {
        name,
        harmless,
        instead,
    }
}

const GSS: &str = "unset it and use TLS with a password or a client certificate: GSSAPI is not supported";
const CRL: &str = "use a root certificate that vouches for the server alone";
const PROTOCOL: &str = "unset it: the versions of the protocol and of TLS are negotiated, TLS 1.2 or newer";
const SERVER: &str = "give host, port and user themselves";

/// Variables of libpq that would send `pg_dump` elsewhere than this program, or ask for a protection that it does not give. Those that only change how a
/// session looks (`PGAPPNAME`, `PGTZ`, `PGDATESTYLE`, `PGCLIENTENCODING`, `PGGEQO`, `PGLOCALEDIR`) mean nothing to a backup, nor does
/// `PGDATABASE`: as in the script, every call names its database.
pub const REFUSED_LIBPQ: &[Refused] = &[
    refused("PGSERVICE", &[], SERVER),
    refused("PGSERVICEFILE", &[], SERVER),
    refused("PGSYSCONFDIR", &[], SERVER),
    refused("PGHOSTADDR", &[], "give the address as PGHOST"),
    refused("PGPASSFILE", &[], "give the password in a file: POSTGRES_PASSWORD_FILE"),
    refused("PGOPTIONS", &[], "set server parameters with ALTER ROLE … SET"),
    refused("PGTARGETSESSIONATTRS", &["any"], "name the server to back up as PGHOST"),
    refused(
        "PGLOADBALANCEHOSTS",
        &["disable"],
        "name the server to back up as PGHOST",
    ),
    refused("PGREQUIREPEER", &[], "use PGSSLMODE=verify-full"),
    refused("PGREQUIREAUTH", &[], "use PGSSLMODE=verify-full"),
    refused("PGCHANNELBINDING", &["prefer", "disable"], "use PGSSLMODE=verify-full"),
    refused("PGREQUIRESSL", &["0"], "use PGSSLMODE=require"),
    refused(
        "PGSSLNEGOTIATION",
        &["postgres"],
        "unset it: TLS is asked for as every server understands it",
    ),
    refused("PGSSLCOMPRESSION", &["0"], "unset it: TLS is never compressed"),
    refused("PGSSLSNI", &["1"], "unset it: the name of the host is always sent"),
    refused(
        "PGSSLCERTMODE",
        &["allow"],
        "unset it: a certificate is shown if PGSSLCERT names one",
    ),
    refused("PGSSLCRL", &[], CRL),
    refused("PGSSLCRLDIR", &[], CRL),
    refused("PGSSLMINPROTOCOLVERSION", &["TLSv1", "TLSv1.1", "TLSv1.2"], PROTOCOL),
    refused("PGSSLMAXPROTOCOLVERSION", &[], PROTOCOL),
    refused("PGMINPROTOCOLVERSION", &["3.0"], PROTOCOL),
    refused("PGMAXPROTOCOLVERSION", &[], PROTOCOL),
    refused("PGGSSENCMODE", &["disable", "prefer"], GSS),
    refused("PGGSSDELEGATION", &["0"], GSS),
    refused("PGGSSLIB", &[], GSS),
    refused("PGKRBSRVNAME", &[], GSS),
];

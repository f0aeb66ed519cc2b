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

/// `backup-vault`. Snapshots are taken every 20 minutes: the last of each of 48 hours stays, then of each day and month. One
/// that somebody takes by hand, before and after what he does, is not pushed out by the next of the same hour: the last 6 stay.
pub const VAULT: Program = Program {
    name: "backup-vault",
    section: Some("vault"),
    defaults: &[
        ("store", "s3://platform-vault-backups/raft"),
        ("keep-last", "6"),
        ("keep-hourly", "48"),
        ("keep-daily", "30"),
        ("keep-monthly", "12"),
    ],
};

/// `backup-admin`: works across all components and has no section and no store of its own.
pub const ADMIN: Program = Program {
    name: "backup-admin",
    section: None,
    defaults: &[],
};

/// The programs that have a section.
pub const COMPONENTS: [Program; 2] = [POSTGRES, VAULT];

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
        "Give up on a server or store that does not answer for this long (backup-vault tries a snapshot up to three times)",
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
    Setting::new(
        "vault.addr",
        Text,
        "Address of the server, or of the service that leads to the active one",
    )
    .env(&["VAULT_ADDR"])
    .flag("address")
    .default("https://127.0.0.1:8200"),
    Setting::new("vault.token", Secret, "Token; what it needs is printed by `policy`")
        .env(&["VAULT_TOKEN"])
        .from_file(),
    Setting::new("vault.cacert", Path, "Certificates that alone vouch for the server")
        .env(&["VAULT_CACERT"])
        .flag("ca-cert"),
    Setting::new("vault.client-cert", Path, "Certificate of this client")
        .env(&["VAULT_CLIENT_CERT"])
        .flag("client-cert"),
    Setting::new("vault.client-key", Path, "Private key of this client")
        .env(&["VAULT_CLIENT_KEY"])
        .flag("client-key"),
    Setting::new(
        "vault.tls-server-name",
        Text,
        "Name to find in the certificate of the server, instead of its host",
    )
    .env(&["VAULT_TLS_SERVER_NAME"])
    .flag("tls-server-name"),
    Setting::new(
        "vault.skip-verify",
        Bool,
        "Trust any server: whoever sits on the line reads the token",
    )
    .env(&["VAULT_SKIP_VERIFY"])
    .flag("tls-skip-verify")
    .default("false"),
    Setting::new(
        "vault.auth",
        Choice(&["token", "kubernetes"]),
        "Work with the token, or log in with the service account of the pod and leave the token alone",
    )
    .env(&["BACKUP_VAULT_AUTH"])
    .flag("auth")
    .default("token"),
    Setting::new("vault.role", Text, "Role to log in as, with --auth kubernetes")
        .env(&["BACKUP_VAULT_ROLE"])
        .flag("role"),
    Setting::new(
        "vault.jwt-file",
        Path,
        "Signed claim of the service account, with --auth kubernetes",
    )
    .env(&["BACKUP_VAULT_JWT_FILE"])
    .flag("jwt-file")
    .default("/var/run/secrets/kubernetes.io/serviceaccount/token"),
    Setting::new(
        "vault.auth-mount",
        Text,
        "Where the auth method is mounted, with --auth kubernetes",
    )
    .env(&["BACKUP_VAULT_AUTH_MOUNT"])
    .flag("auth-mount")
    .default("kubernetes"),
    Setting::new(
        "vault.spool-dir",
        Folder,
        "Where a snapshot that does not fit into memory waits, encrypted and without a name, until it is stored",
    )
    .env(&["BACKUP_SPOOL_DIR", "TMPDIR"])
    .flag("spool-dir")
    .default("/tmp"),
];

/// The setting of this full name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

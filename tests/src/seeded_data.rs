//! Believable data that is the same in every run.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Postgres;

const BEGIN: &str = include_str!("seed/begin.sql");
const END: &str = include_str!("seed/end.sql");
/// The sequential name generators need no more than this at once; more would only compete with the server.
const LOADERS: usize = 2;

/// One database of the platform: its tables, and how many bytes (tables and indexes) come with a row of its main table.
struct Seed {
    database: &'static str,
    script: &'static str,
    bytes_per_row: u64,
}

macro_rules! seed {
    ($database:literal, $bytes_per_row:literal) => {
        Seed {
            database: $database,
            script: include_str!(concat!("seed/", $database, ".sql")),
            bytes_per_row: $bytes_per_row,
        }
    };
}

const SEEDS: [Seed; 8] = [
    seed!("platform_kernel", 1500),
    seed!("platform_billing", 1000),
    seed!("platform_domain", 1200),
    seed!("platform_files", 1800),
    seed!("platform_integration", 700),
    seed!("platform_module", 250),
    seed!("platform_money", 450),
    seed!("platform_notify", 600),
];

/// The eight databases of the platform, filled by the server itself with data that is a function of the size alone: users,
/// a double-entry ledger, invoices, documents, files and large objects, JSON events … with foreign keys, indexes of every
/// kind, views, functions, triggers, partitions, a role with privileges, and a `goose_db_version` each.
#[derive(Debug, Clone, Copy)]
pub struct SeededData {
    bytes: u64,
}

impl SeededData {
    /// The names of the databases, sorted.
    pub const DATABASES: [&str; 8] = [
        SEEDS[0].database,
        SEEDS[1].database,
        SEEDS[2].database,
        SEEDS[3].database,
        SEEDS[4].database,
        SEEDS[5].database,
        SEEDS[6].database,
        SEEDS[7].database,
    ];
    /// A role without login that may read all tables.
    pub const READER: &str = "platform_reader";

    /// About 4 MB in all: for tests.
    pub fn small() -> Self {
        Self::with_bytes(4_000_000)
    }

    /// About 200 MB in all: for the demo.
    pub fn demo() -> Self {
        Self::with_bytes(200_000_000)
    }

    /// About this many bytes of tables and indexes in all, in equal shares; what an empty database takes (8 MB) is extra.
    pub fn with_bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// Makes and fills all eight databases, two at a time.
    ///
    /// # Panics
    /// If one exists, or a statement fails.
    pub fn load(&self, postgres: &Postgres) {
        create_reader(postgres);
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..LOADERS {
                scope.spawn(|| {
                    while let Some(seed) = SEEDS.get(next.fetch_add(1, Ordering::Relaxed)) {
                        self.fill(postgres, seed, seed.database);
                    }
                });
            }
        });
    }

    /// Makes `database` and fills it as `like`, one of [`SeededData::DATABASES`], with an eighth of the bytes.
    ///
    /// # Panics
    /// If it exists, `like` is none of the eight, or a statement fails.
    pub fn load_one(&self, postgres: &Postgres, like: &str, database: &str) {
        create_reader(postgres);
        let seed = SEEDS
            .iter()
            .find(|seed| seed.database == like)
            .expect("one of SeededData::DATABASES");
        self.fill(postgres, seed, database);
    }

    fn fill(&self, postgres: &Postgres, seed: &Seed, database: &str) {
        let rows = (self.bytes / SEEDS.len() as u64 / seed.bytes_per_row).max(100);
        create_and_fill(postgres, database, seed.script, rows);
    }
}

/// Makes `database` with one table `events` of about `bytes` bytes, as `COPY` writes them, for benchmarks.
///
/// # Panics
/// If it exists, or a statement fails.
pub fn load_big_table(postgres: &Postgres, database: &str, bytes: u64) {
    const BYTES_PER_ROW: u64 = 400;
    create_reader(postgres);
    create_and_fill(
        postgres,
        database,
        include_str!("seed/big_table.sql"),
        bytes / BYTES_PER_ROW + 1,
    );
}

fn create_and_fill(postgres: &Postgres, database: &str, script: &str, rows: u64) {
    postgres.psql("postgres", &format!("CREATE DATABASE \"{database}\""));
    postgres.psql(database, &format!("\\set rows {rows}\n{BEGIN}\n{script}\n{END}"));
}

/// Two tests on one server may do this at the same moment; roles know no IF NOT EXISTS.
fn create_reader(postgres: &Postgres) {
    let role = SeededData::READER;
    postgres.psql(
        "postgres",
        &format!(
            "DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ),
    );
}

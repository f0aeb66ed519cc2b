//! Starts throw-away servers, prints how to reach them as shell variables, and stops them when its stdin ends.
//!
//! usage: `test-servers [postgres[=MAJOR]] [seed=BYTES] [events=BYTES] [minio] [weed] [vault]`
//!
//! `seed` fills the platform's eight databases, `events` makes a database `events` with one large table. The line `ready`
//! ends the variables.
#![expect(clippy::print_stdout, reason = "the variables are its result")]

use std::io::Read;

use backup_tests::{Minio, Postgres, PostgresOptions, SeededData, Vault, Weed, load_big_table};

fn main() -> std::io::Result<()> {
    let (mut postgres, mut minio, mut weed, mut vault) = (None, None, None, None);
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("postgres", major)) => postgres = Some(start_version(number(major))),
            Some(("seed", bytes)) => SeededData::with_bytes(number(bytes)).load(postgres.get_or_insert_with(start)),
            Some(("events", bytes)) => {
                load_big_table(postgres.get_or_insert_with(start), "events", number(bytes));
            }
            None if argument == "postgres" => drop(postgres.get_or_insert_with(start)),
            None if argument == "minio" => minio = Some(start_minio()),
            None if argument == "weed" => weed = Some(start_weed()),
            None if argument == "vault" => vault = Some(start_vault()),
            _ => return Err(std::io::Error::other(format!("unknown argument {argument}"))),
        }
    }
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop((postgres, minio, weed, vault));
    Ok(())
}

fn number<N: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> N {
    text.parse().expect("a number")
}

fn start() -> Postgres {
    start_version(15)
}

fn start_version(major: u32) -> Postgres {
    let postgres = Postgres::start_version(major, &PostgresOptions::default());
    for (name, value) in postgres.environment() {
        println!("export {name}='{value}'");
    }
    println!("export POSTGRES_PID={}", postgres.pid());
    postgres
}

fn start_minio() -> Minio {
    let minio = Minio::start();
    minio.create_bucket("platform-backups");
    s3("MINIO", &minio.endpoint(), Minio::ACCESS_KEY, Minio::SECRET_KEY);
    println!("export MINIO_PID={}", minio.pid());
    minio
}

fn start_weed() -> Weed {
    let weed = Weed::start();
    weed.create_bucket("platform-backups");
    s3("WEED", &weed.endpoint(), Weed::ACCESS_KEY, Weed::SECRET_KEY);
    println!("export WEED_PID={}", weed.pids()[0]);
    weed
}

fn start_vault() -> Vault {
    let vault = Vault::ready();
    println!(
        "export VAULT_ADDR={} VAULT_TOKEN={}",
        vault.address(),
        vault.root_token()
    );
    println!("export VAULT_UNSEAL_KEY={} VAULT_PID={}", vault.keys()[0], vault.pid());
    vault
}

fn s3(name: &str, endpoint: &str, access_key: &str, secret_key: &str) {
    println!("export {name}_ENDPOINT={endpoint} {name}_ACCESS_KEY={access_key} {name}_SECRET_KEY={secret_key}");
}

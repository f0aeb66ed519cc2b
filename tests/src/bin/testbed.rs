//! Starts test servers for scripts and prints what a shell needs to use them; they stop at the end of standard input.
//!
//! ```text
//! testbed postgres[=BYTES] demo minio weed
//! ```
//!
//! `postgres=BYTES` makes one database `bench` with a table of about that size; `demo` fills the eight databases. Lines like `export PGHOST=…`, then a line `ready`.

use backup_tests::{Minio, Postgres, PostgresOptions, SeededData, Weed, load_big_table};
use std::io::Write;

fn main() {
    let mut postgres = None;
    let mut minio = None;
    let mut weed = None;
    for word in std::env::args().skip(1) {
        let (name, value) = word.split_once('=').unwrap_or((&word, ""));
        match name {
            "postgres" => {
                let server = postgres.get_or_insert_with(|| Postgres::start_with(&PostgresOptions::default()));
                if !value.is_empty() {
                    load_big_table(server, "bench", value.parse().expect("a number of bytes"));
                }
                show(server.environment());
                show([("POSTGRES_PASSWORD", Postgres::PASSWORD.to_owned())]);
            }
            "demo" => SeededData::demo().load(postgres.get_or_insert_with(Postgres::start)),
            "minio" => {
                let server = minio.get_or_insert_with(Minio::start);
                server.create_bucket("platform-backups");
                show(s3(&server.endpoint(), Minio::ACCESS_KEY, Minio::SECRET_KEY));
            }
            "weed" => {
                let server = weed.get_or_insert_with(Weed::start);
                server.create_bucket("platform-backups");
                show(s3(&server.endpoint(), Weed::ACCESS_KEY, Weed::SECRET_KEY));
            }
            other => panic!("unknown server {other}"),
        }
    }
    writeln!(std::io::stdout(), "ready").expect("standard output");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("standard input");
}

fn s3(endpoint: &str, user: &str, secret: &str) -> [(&'static str, String); 4] {
    [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_ACCESS_KEY_ID", user.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
}

fn show<const N: usize>(variables: [(&'static str, String); N]) {
    for (name, value) in variables {
        let quoted = value.replace('\'', "'\\''");
        writeln!(std::io::stdout(), "export {name}='{quoted}'").expect("standard output");
    }
}

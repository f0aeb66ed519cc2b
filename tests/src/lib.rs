//! Real servers, faults on the wire and believable data, for the integration tests, the demo and the benchmarks.
//!
//! Every server listens on free ports of 127.0.0.1, keeps its data in a folder of its own under `$TMPDIR`, and runs under
//! a watchdog: it is ended and its folder removed when the value is dropped, and also when the test panics or is killed.
//! What it wrote last is printed when a test panics. Servers are built or installed by `make test`; one that cannot be
//! started fails the test and says how to get it. All of this panics instead of returning errors: it is test code.
#![expect(clippy::panic, reason = "a test that cannot have its server fails")]

mod fault_proxy;
mod fingerprint;
mod free_port;
mod http_probe;
mod kubernetes;
mod minio;
mod mute_proxy;
mod postgres;
mod postgres_binaries;
mod program_copy;
mod program_output;
mod seeded_data;
mod server_binary;
mod until;
mod vault;
mod watched_process;
mod weed;

pub use fault_proxy::{Action, FaultProxy, Rule};
pub use fingerprint::fingerprint;
pub use free_port::free_port;
pub use http_probe::http_request;
pub use kubernetes::Kubernetes;
pub use minio::Minio;
pub use mute_proxy::MuteProxy;
pub use postgres::{Postgres, PostgresOptions};
pub use postgres_binaries::postgres_binaries;
pub use program_copy::copy_program;
pub use program_output::ProgramOutput;
pub use seeded_data::{SeededData, load_big_table};
pub use server_binary::server_binary;
pub use until::until;
pub use vault::Vault;
pub use weed::Weed;

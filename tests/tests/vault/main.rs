//! `backup-vault` against real Vault servers.
#![expect(clippy::unwrap_used, reason = "a test that cannot have its fixture fails")]

mod answers;
mod cuts;
mod fixture;
mod kubernetes;
mod refusals;
mod restores;
mod round_trip;
mod snapshots;
mod tokens;
mod wire;

//! The pieces of `backup-postgres` against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot have its fixture fails")]

mod check;
mod connection;
mod drops;
mod dump;
mod encodings;
mod fixture;
mod fresh;
mod globals;
mod hostile;
mod in_place;
mod leftover;
mod lock_watch;
mod needed;
mod relay;
mod rights;
mod secrets;
mod standstill;
mod subscriptions;
mod survivors;
mod target;
mod tls;

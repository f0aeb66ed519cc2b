//! `backup-vault` as an operator uses it: processes with an environment of their own, against a server that answers as a test says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bed;
mod downloaded;
mod drop_in;
mod exit_codes;
mod fake;
mod inspect;
mod kubernetes;
mod reads;
mod real;
mod restore;
mod signals;
mod sse;
mod words;

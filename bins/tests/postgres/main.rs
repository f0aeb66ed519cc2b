//! `backup-postgres` and `backup-admin` as an operator uses them: processes with an environment of their own, on real servers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bed;
mod damage;
mod downloaded;
mod drop_in;
mod exit_codes;
mod foreign_files;
mod keys;
mod machine_output;
mod old_script;
mod partial;
mod recovery;
mod restore;
mod retention;
mod secrets;
mod settings;
mod signals;
mod store;
mod unread;
mod versions;
mod whole_job;

//! `backup-postgres` and `backup-admin` as an operator uses them: processes with an environment of their own, on real servers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bed;
mod damage;
mod downloaded;
mod drop_in;
mod exit_codes;
mod foreign_files;
mod forged_manifests;
mod hangup;
mod in_place;
mod keys;
mod leftover;
mod machine_output;
mod missing_content;
mod old_script;
mod other_server;
mod partial;
mod recovery;
mod restore;
mod retention;
mod secrets;
mod settings;
mod signals;
mod standstill;
mod store;
mod strange_folder;
mod unread;
mod versions;
mod whole_job;
mod words;

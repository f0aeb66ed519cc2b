//! Is a restored database what it was?

use crate::Postgres;

/// The content of a database, one line per object: every table and materialized view with its number of rows and a digest
/// of them in a canonical order, every sequence with its position, every large object, and every definition (schemas,
/// columns, indexes, constraints, views, functions, types, triggers, policies, owners, privileges, comments, extensions).
///
/// Equal fingerprints mean equal content; the difference of two names what differs. Read in one transaction that sees one
/// moment. Takes memory for 32 bytes per row, on the server.
///
/// # Panics
/// If the database cannot be read.
pub fn fingerprint(postgres: &Postgres, database: &str) -> String {
    postgres.psql(database, include_str!("fingerprint.sql"))
}

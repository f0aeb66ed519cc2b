//! Rights after a restore are those of the dump.
//!
//! `pg_dump` writes privileges relative to those that the server gives by itself. So a restore in place begins with a server that does so: the default
//! privileges of the live database are out of force before anything is created (in the same transaction; those of the dump come at its end), and
//! the schema `public`, which is never dropped, has its first privileges again. After every restore both are compared.

mod compare;
mod difference;
mod reset;

pub use compare::Rights;
pub(crate) use compare::{Restored, compare_rights, compare_rights_until};
pub(crate) use reset::reset_statements;

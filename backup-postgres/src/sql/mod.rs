//! The SQL that `pg_dump` and `pg_dumpall` write, read as far as it names things. Not a parser of SQL: strings, quoted names and comments are all it knows.

mod grantees;
pub(crate) mod identifier;
mod statements;

pub(crate) use grantees::grantees;
use statements::after_quoted;
pub(crate) use statements::statements;

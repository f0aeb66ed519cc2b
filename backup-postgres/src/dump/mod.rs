//! Dumps: one database with `pg_dump`, roles and tablespaces with `pg_dumpall --globals-only`.

mod database;
mod globals;
mod roles_database;

pub use database::{Compression, DumpRequest, dump_stream};
pub use globals::{GlobalsDump, globals_stream};
pub use roles_database::roles_readable;

//! Dumps: one database with `pg_dump`, roles and tablespaces with `pg_dumpall --globals-only`.

mod database;
mod globals;

pub use database::{Compression, DumpRequest, dump_stream};
pub use globals::{GlobalsDump, globals_stream};

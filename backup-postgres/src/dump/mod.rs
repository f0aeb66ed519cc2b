//! Dumps: one database with `pg_dump`, roles and tablespaces with `pg_dumpall --globals-only`.

mod database;
mod definitions;
mod emptied;
mod globals;
mod roles_database;

pub use database::{Compression, DumpRequest, dump_stream};
pub(crate) use definitions::definitions;
pub use emptied::emptied_tables;
pub use globals::{GlobalsDump, globals_stream};
pub use roles_database::roles_readable;

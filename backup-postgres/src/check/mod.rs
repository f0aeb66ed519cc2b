//! What would make a backup or a restore fail, found before it does.

mod databases;
mod server;

pub use databases::check_databases;
pub use server::check_server;

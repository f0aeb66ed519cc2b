//! What would make a backup or a restore fail, found before it does.

mod databases;
mod left_out;
mod leftovers;
mod server;

pub use databases::check_databases;
pub use left_out::databases_left_out;
pub use leftovers::check_leftovers;
pub use server::check_server;

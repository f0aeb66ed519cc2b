//! What would make a backup or a restore fail, found before it does.

mod databases;
mod kept;
mod left_out;
mod leftovers;
mod server;

pub use databases::check_databases;
pub use kept::check_kept_subscriptions;
pub use left_out::databases_left_out;
pub use leftovers::check_leftovers;
pub use server::check_server;

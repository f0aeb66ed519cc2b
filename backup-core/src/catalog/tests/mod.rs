mod claiming;
mod committing;
mod documents;
pub(crate) mod kit;
mod leasing;
mod listing;
mod opening;

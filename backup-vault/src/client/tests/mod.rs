pub(crate) mod fake;
mod refusals;
mod restores;
mod settings;
mod snapshots;
mod status;
mod tls;
mod tokens;

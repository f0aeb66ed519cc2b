mod fake;
mod refusals;
mod settings;
mod snapshots;
mod status;
mod tokens;

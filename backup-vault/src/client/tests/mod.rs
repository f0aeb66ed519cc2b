mod fake;
mod refusals;
mod restores;
mod settings;
mod snapshots;
mod status;
mod tokens;

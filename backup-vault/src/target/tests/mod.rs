mod checks;
pub(crate) mod kit;
mod runs;
mod wire;

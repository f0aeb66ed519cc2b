//! `backup-admin keys show`.

use crate::{
    context::Context,
    keyring,
    output::Report,
    table::{Align, Table},
};
use backup_core::{
    Result,
    keys::{KeyInfo, Keyring},
};
use serde::Serialize;
use std::path::Path;

/// The keys of a file by their public names. Holds no secret.
#[derive(Serialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

#[derive(Serialize)]
struct Key {
    kind: &'static str,
    id: String,
    signs_as: Option<String>,
    /// Whether it is used to seal or sign, not only to open or verify.
    writes: bool,
    /// Its public half as a line of a key file, for those kinds that have one.
    public: Option<String>,
}

impl Keys {
    pub(super) fn new(ring: &Keyring) -> Self {
        Self {
            keys: ring.keys().into_iter().map(Key::from).collect(),
        }
    }
}

impl From<KeyInfo> for Key {
    fn from(info: KeyInfo) -> Self {
        Self {
            kind: info.kind.as_str(),
            id: info.id.to_string(),
            signs_as: info.signs_as.map(|id| id.to_string()),
            writes: info.active,
            public: info.public,
        }
    }
}

impl Report for Keys {
    fn text(&self) -> String {
        let columns = ["KIND", "ID", "SIGNS AS", "WRITES", "PUBLIC HALF"];
        let mut table = Table::new(columns.map(|column| (column, Align::Left)));
        for key in &self.keys {
            let signs_as = key.signs_as.as_deref().unwrap_or("-");
            let writes = if key.writes { "yes" } else { "no" };
            table.row([
                key.kind,
                &key.id,
                signs_as,
                writes,
                key.public.as_deref().unwrap_or("-"),
            ]);
        }
        table.to_string()
    }
}

/// Shows ids and public halves.
pub(super) fn run(file: &Path, context: &Context) -> Result<()> {
    context.output.report(&Keys::new(&keyring::read_key_file(file)?))
}

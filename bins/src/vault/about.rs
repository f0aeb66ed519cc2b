//! Which cluster a backup is of, and how much it holds.

use backup_core::catalog::Manifest;
use serde_json::{Map, Value};
use std::fmt;

/// What a manifest says of its snapshot, as far as it does: a listing shows those of every version.
#[derive(Debug)]
pub(super) struct About<'a> {
    lineage: &'a str,
    name: Option<&'a str>,
    keys: Option<u64>,
}

impl<'a> About<'a> {
    pub(super) fn of(manifest: &'a Manifest) -> Self {
        let detail = |name: &str| {
            manifest
                .artifacts
                .first()
                .and_then(|artifact| artifact.details.get(name))
        };
        Self {
            lineage: &manifest.lineage,
            name: detail("cluster_name").and_then(Value::as_str),
            keys: detail("keys").and_then(Value::as_u64),
        }
    }

    /// For machines.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let fields = [
            ("cluster_id", self.lineage.into()),
            ("cluster_name", self.name.into()),
            ("keys", self.keys.into()),
        ];
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// `cluster vault-cluster-1 with 202 keys`.
impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cluster {}", self.name.unwrap_or(self.lineage))?;
        match self.keys {
            Some(keys) => write!(f, " with {keys} keys"),
            None => Ok(()),
        }
    }
}

//! The manifest: while it exists, the backup exists.

use super::{
    document::{Document, Format, Kind},
    hex32, layout,
};
use crate::{
    Error, ErrorKind, Result,
    event::Finding,
    id::{BackupId, Nonce, RepositoryId},
    store::Key,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Who encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// We do, before the bytes leave this machine.
    Sealed,
    /// The store, with a key of its KMS.
    SseKms,
    /// The store, with a key of its own.
    SseS3,
}

/// All there is to know about one backup. See `docs/FORMAT.md`, section 3, for the fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/FORMAT.md is the authority on the fields")]
pub struct Manifest {
    pub format: Format,
    pub id: BackupId,
    pub repository: RepositoryId,
    pub target: String,
    pub nonce: Nonce,
    pub mode: Mode,
    pub lineage: String,
    pub started: Timestamp,
    pub finished: Timestamp,
    pub tool: String,
    pub complete: bool,
    #[serde(default)]
    pub parents: Vec<BackupId>,
    pub artifacts: Vec<Artifact>,
    #[serde(default)]
    pub failures: Vec<Failure>,
    #[serde(default)]
    pub findings: Vec<Finding>,
    #[serde(default)]
    pub details: Map<String, Value>,
}

/// One thing that was backed up: a database, a snapshot. Its content is that of its objects, in order, put together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/FORMAT.md is the authority on the fields")]
pub struct Artifact {
    pub name: String,
    pub content_type: String,
    pub plain_length: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u64>,
    pub objects: Vec<StoredObject>,
    #[serde(default)]
    pub details: Map<String, Value>,
}

/// One object in the store. `length` is that of the whole object; `sha256` covers it from `payload_offset` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/FORMAT.md is the authority on the fields")]
pub struct StoredObject {
    pub key: String,
    pub logical_path: String,
    #[serde(default, with = "hex32::option")]
    pub file_id: Option<[u8; 32]>,
    pub etag: Option<String>,
    pub version: Option<String>,
    pub length: u64,
    pub payload_offset: u64,
    #[serde(with = "hex32")]
    pub sha256: [u8; 32],
    pub owned: bool,
}

/// What was asked for and is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/FORMAT.md is the authority on the fields")]
pub struct Failure {
    pub name: String,
    pub error: String,
}

impl Artifact {
    /// How much it holds, to compare it with others of its name: in the component's own unit, if it has one, else in bytes of content.
    #[must_use]
    pub fn measure(&self) -> u64 {
        self.weight.unwrap_or(self.plain_length)
    }

    /// Bytes in the store, of all objects together.
    #[must_use]
    pub fn stored_length(&self) -> u64 {
        self.objects
            .iter()
            .fold(0, |sum, object| sum.saturating_add(object.length))
    }
}

impl Document for Manifest {
    const KIND: Kind = Kind::Manifest;
}

impl Manifest {
    /// Bytes of content, of all artifacts together.
    #[must_use]
    pub fn plain_length(&self) -> u64 {
        let lengths = self.artifacts.iter().map(|artifact| artifact.plain_length);
        lengths.fold(0, u64::saturating_add)
    }

    /// The keys that go when the manifest goes.
    pub fn owned_keys(&self) -> impl Iterator<Item = Key> {
        let objects = self.artifacts.iter().flat_map(|artifact| &artifact.objects);
        objects
            .filter(|object| object.owned)
            .map(|object| Key::from(object.key.as_str()))
    }

    /// Every artifact has a name of its own and objects; sealed ones are sealed, and others are not: a forged mode must not pass plain bytes for sealed.
    fn check_artifacts(&self) -> Result<(), &'static str> {
        let names: HashSet<&str> = self.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
        if names.len() != self.artifacts.len() {
            return Err("names an artifact twice");
        }
        if self.artifacts.iter().any(|artifact| artifact.objects.is_empty()) {
            return Err("has an artifact without objects");
        }
        let sealed = self.mode == Mode::Sealed;
        let fits = |object: &StoredObject| object.file_id.is_some() == sealed && (object.payload_offset > 0) == sealed;
        match self.artifacts.iter().flat_map(|artifact| &artifact.objects).all(fits) {
            true => Ok(()),
            false => Err("does not agree with its objects on who encrypts"),
        }
    }

    /// Demands that this is the manifest of `id` in `repository`, and that it owns nothing outside its own name.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`]: somebody copied or renamed it, or it was never ours. [`ErrorKind::Refused`]: it is of another repository, and good there,
    /// so that nothing that goes by its damage may touch it.
    pub fn check(&self, id: BackupId, repository: RepositoryId) -> Result<()> {
        let wrong = |what: String| Err(Error::new(ErrorKind::Damaged, format!("the manifest of {id} {what}")));
        if self.id != id {
            return wrong(format!("is that of {}", self.id));
        }
        if self.repository != repository {
            let message = format!(
                "the manifest of {id} is of repository {}, and this one is {repository}",
                self.repository
            );
            return Err(Error::new(ErrorKind::Refused, message).hint(
                "somebody copied it here, or repository.json is not the one that was here: put the right one back",
            ));
        }
        layout::check_target(&self.target).map_err(|error| {
            Error::new(ErrorKind::Damaged, format!("the manifest of {id} is malformed")).because(error)
        })?;
        self.check_artifacts().or_else(|what| wrong(what.to_owned()))?;
        match self.owned_keys().find(|key| !layout::belongs_to(id, key)) {
            Some(key) => wrong(format!("claims {key}, which is not its own")),
            None => Ok(()),
        }
    }
}

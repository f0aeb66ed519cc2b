//! What becomes of content: who encrypts it, and where it goes.

use crate::{
    Result,
    clock::Entropy,
    frames::FrameEncoder,
    id::RepositoryId,
    keys::Keyring,
    store::{Key, PutReceipt, ServerEncryption, StoreError, StoreErrorKind},
};
use std::sync::Arc;

/// What is done to content on its way to the store.
#[derive(Debug, Clone)]
pub enum Packing {
    /// Compressed and sealed by us.
    Sealed(Sealing),
    /// Stored as it comes; the store encrypts, and must confirm it for every object.
    Raw(ServerEncryption),
}

impl Packing {
    pub(super) fn demand_confirmation(&self, key: &Key, receipt: &PutReceipt) -> Result<()> {
        match self {
            Self::Raw(asked) if !asked.is_satisfied_by(receipt.encryption.as_ref()) => {
                Err(StoreError::new(StoreErrorKind::NotEncrypted, "store", key).into())
            }
            Self::Sealed(_) | Self::Raw(_) => Ok(()),
        }
    }
}

/// What sealing needs to know.
#[derive(Debug, Clone)]
pub struct Sealing {
    /// Keys that open what is sealed.
    pub keyring: Arc<Keyring>,
    /// The repository, bound into every object.
    pub repository: RepositoryId,
    /// The component that writes, as `postgres`.
    pub component: String,
    /// Name and version of the program.
    pub tool: String,
    /// Compresses; shared by all artifacts of a run, so that they share its memory.
    pub encoder: Arc<FrameEncoder>,
    /// Where file keys come from.
    pub entropy: Arc<dyn Entropy>,
}

/// Where an artifact goes and what it claims to be; later objects of a long one get `.0002` and so on behind both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// Its key.
    pub key: Key,
    /// What it claims to be, bound into the sealed object.
    pub logical_path: String,
    /// Media type of its content.
    pub content_type: String,
    /// Whether sealing compresses it first.
    pub compress: bool,
}

impl ObjectName {
    /// The name of object `number` (from 1) of the artifact.
    pub(super) fn numbered(&self, number: usize) -> Self {
        if number == 1 {
            return self.clone();
        }
        let suffix = format!(".{number:04}");
        Self {
            key: self.key.with(&suffix),
            logical_path: format!("{}{suffix}", self.logical_path),
            ..self.clone()
        }
    }
}

//! What an object must be for the one who opens it.

use super::{FileId, Header, damaged};
use crate::{Result, hex, id::Id16};

/// What the object to be opened must be. Objects that were renamed, swapped, or put back from an older state do not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The repository that it was read from.
    pub repository: Id16,
    /// The logical path that belongs to the key it was read from.
    pub logical_path: String,
    /// Its file id, from a manifest.
    pub file_id: Option<FileId>,
    /// The component that must have written it.
    pub component: Option<String>,
    /// Length of the whole stored object, from a manifest: tells a cut object from a damaged one.
    pub length: Option<u64>,
}

impl Expected {
    /// Expects a repository and a logical path, and leaves the rest open.
    #[must_use]
    pub fn new(repository: Id16, logical_path: impl Into<String>) -> Self {
        let logical_path = logical_path.into();
        Self {
            repository,
            logical_path,
            file_id: None,
            component: None,
            length: None,
        }
    }

    /// Expects this file id too.
    #[must_use]
    pub fn with_file_id(mut self, file_id: FileId) -> Self {
        self.file_id = Some(file_id);
        self
    }

    /// Expects this length of the whole stored object too.
    #[must_use]
    pub fn with_length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// Checks a header that is not authenticated yet.
    pub(super) fn check(&self, header: &Header) -> Result<()> {
        let spec = header.spec();
        if spec.repository != self.repository {
            let (found, wanted) = (spec.repository, self.repository);
            return Err(
                damaged(format!("the object belongs to repository {found}, not to {wanted}"))
                    .hint("it was copied here from another store or environment"),
            );
        }
        if spec.logical_path != self.logical_path {
            let (found, wanted) = (spec.logical_path.escape_debug(), self.logical_path.escape_debug());
            return Err(damaged(format!("the object is sealed as '{found}', not as '{wanted}'"))
                .hint("it was renamed, or another object was put in its place"));
        }
        if let Some(wanted) = self.component.as_ref().filter(|wanted| **wanted != spec.component) {
            let (found, wanted) = (spec.component.escape_debug(), wanted.escape_debug());
            return Err(damaged(format!(
                "the object was written by component '{found}', not by '{wanted}'"
            )));
        }
        match self.file_id.filter(|wanted| *wanted != header.file_id()) {
            None => Ok(()),
            Some(wanted) => {
                let (found, wanted) = (hex::encode(&header.file_id()[..4]), hex::encode(&wanted[..4]));
                Err(damaged(format!(
                    "the object has file id {found}…, the manifest says {wanted}…: it is another version of it"
                ))
                .hint("an older or newer object was put under this key"))
            }
        }
    }

    /// Checks how many bytes of the stored object there were.
    pub(super) fn check_length(&self, found: u64) -> Result<()> {
        match self.length {
            Some(wanted) if found < wanted => Err(damaged(format!(
                "the sealed object is cut short: {found} of {wanted} bytes are there"
            ))),
            Some(wanted) if found > wanted => Err(damaged(format!(
                "the sealed object goes on after its end: {found} bytes instead of {wanted}"
            ))),
            _ => Ok(()),
        }
    }
}

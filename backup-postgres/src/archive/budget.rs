//! Limits that are checked before memory is taken.

use super::walk::Flaw;

/// How much of a table of contents is kept in memory. Whatever a damaged archive claims, not more is allocated.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes for all names, statements about the database and block descriptions together.
    pub kept: usize,
    /// Bytes of one name; PostgreSQL's own identifiers have at most 63, arguments of functions make tags longer.
    pub name: usize,
    /// Entries of the table of contents.
    pub entries: u64,
}

impl Default for Limits {
    /// 64 MiB kept, names of 1 MiB, 50 million entries.
    fn default() -> Self {
        Self {
            kept: 64 << 20,
            name: 1 << 20,
            entries: 50_000_000,
        }
    }
}

/// What is left of [`Limits::kept`].
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
    /// What of it may go to things that a restore can do without.
    spare: usize,
    name: usize,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            left: limits.kept,
            spare: limits.kept / 2,
            name: limits.name,
        }
    }

    /// Asks for `bytes` before they are allocated.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Flaw> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or(Flaw("its table of contents is larger than the limit"))?;
        Ok(())
    }

    /// Asks for `bytes` for what can be left out; half of the limit at most is given for that.
    pub(super) fn spare(&mut self, bytes: usize) -> bool {
        if bytes > self.spare || bytes > self.left {
            return false;
        }
        self.spare -= bytes;
        self.left -= bytes;
        true
    }

    /// Asks for a name or statement of `bytes`.
    pub(super) fn take_name(&mut self, bytes: usize) -> Result<(), Flaw> {
        if bytes > self.name {
            return Err(Flaw("a name in its table of contents is longer than the limit"));
        }
        self.take(bytes)
    }

    /// Whether a statement of `bytes` would be within the limits.
    pub(super) fn allows(&self, bytes: usize) -> bool {
        bytes <= self.name && bytes <= self.left
    }

    /// Gives back what was asked for and is no longer kept.
    pub(super) fn give(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes);
    }
}

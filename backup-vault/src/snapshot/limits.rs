//! Limits that are checked before memory is taken.

/// How much of a snapshot is kept in memory. Whatever a snapshot claims, not more than [`Limits::memory`] is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of `meta.json`; Vault's own reader has the same limit of 8 KiB.
    pub meta: usize,
    /// Bytes of `SHA256SUMS.sealed`. They are counted, not kept.
    pub sealed: u64,
    /// Bytes of one extended tar header: one block, where Go writes a length of some 30 bytes.
    pub pax: usize,
    /// Bytes of one key. The database under Vault (bbolt) has a limit of 32 KiB.
    pub key: usize,
    /// Bytes of one record. They are not kept; no value in bbolt reaches 2 GiB.
    pub record: u64,
    /// Bytes of a value that is read: the configurations of the seal.
    pub value: usize,
    /// Different key prefixes that are counted one by one.
    pub prefixes: usize,
    /// Bytes of a prefix that is counted by itself.
    pub prefix: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            meta: 8 << 10,
            sealed: 1 << 20,
            pax: 512,
            key: 32 << 10,
            record: 1 << 31,
            value: 64 << 10,
            prefixes: 4096,
            prefix: 256,
        }
    }
}

impl Limits {
    /// The most that a proof holds: these limits, and what the decompressor needs.
    #[must_use]
    pub fn memory(&self) -> usize {
        let inflater = super::gunzip::PIECE + (64 << 10);
        let counts = (self.prefixes + 1) * (self.prefix + 64);
        inflater + self.meta + self.pax + 4 * self.key + 2 * self.value + counts
    }
}

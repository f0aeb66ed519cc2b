//! Keys counted by their first two parts, as `vault operator raft snapshot inspect` prints them.

use super::{facts::printable, limits::Limits};
use std::collections::BTreeMap;

/// A number of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Tally {
    /// How many.
    pub keys: u64,
    /// Their bytes, keys and values together, without the length before each record: what Vault's own `inspect` adds up.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.keys += other.keys;
        self.bytes += other.bytes;
    }
}

/// How many keys there are under each prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct KeyCounts {
    /// By prefix of two parts (`logical/<id>`), or one for a key that has no more.
    pub by_prefix: BTreeMap<String, Tally>,
    /// Prefixes beyond the limits, together.
    pub others: Tally,
    /// Everything.
    pub total: Tally,
}

/// Counts while the keys go by. They are sorted, so that a prefix changes rarely.
#[derive(Debug)]
pub(super) struct Counting {
    counts: BTreeMap<Vec<u8>, Tally>,
    others: Tally,
    total: Tally,
    prefix: Vec<u8>,
    run: Tally,
    limits: Limits,
}

impl Counting {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            counts: BTreeMap::new(),
            others: Tally::default(),
            total: Tally::default(),
            prefix: Vec::new(),
            run: Tally::default(),
            limits,
        }
    }

    pub(super) fn add(&mut self, key: &[u8], bytes: u64) {
        let prefix = prefix(key);
        if prefix != self.prefix {
            self.settle();
            self.prefix.clear();
            self.prefix.extend_from_slice(prefix);
        }
        let one = Tally { keys: 1, bytes };
        self.run.add(one);
        self.total.add(one);
    }

    fn settle(&mut self) {
        let run = std::mem::take(&mut self.run);
        if run.keys == 0 {
            return;
        }
        if let Some(tally) = self.counts.get_mut(&self.prefix) {
            tally.add(run);
        } else if self.counts.len() < self.limits.prefixes && self.prefix.len() <= self.limits.prefix {
            self.counts.insert(self.prefix.clone(), run);
        } else {
            self.others.add(run);
        }
    }

    pub(super) fn end(&mut self) -> KeyCounts {
        self.settle();
        let mut by_prefix: BTreeMap<String, Tally> = BTreeMap::new();
        for (prefix, tally) in std::mem::take(&mut self.counts) {
            let name = printable(&String::from_utf8_lossy(&prefix));
            by_prefix.entry(name).or_default().add(tally);
        }
        KeyCounts {
            by_prefix,
            others: self.others,
            total: self.total,
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let counts: usize = self.counts.keys().map(|prefix| prefix.capacity() + 64).sum();
        counts + self.prefix.capacity()
    }
}

/// Up to the second slash.
fn prefix(key: &[u8]) -> &[u8] {
    let mut slashes = key.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes.nth(1).map_or(key, |(place, _)| &key[..place])
}

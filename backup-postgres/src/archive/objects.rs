//! What a restore creates beside tables, and who may do what.

use super::{budget::Budget, contents::Contents};
use crate::RawText;
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of entries that are objects by themselves, and not a part of a table.
pub(crate) const KINDS: [&str; 24] = [
    "SCHEMA",
    "VIEW",
    "MATERIALIZED VIEW",
    "SEQUENCE",
    "FUNCTION",
    "PROCEDURE",
    "AGGREGATE",
    "TYPE",
    "DOMAIN",
    "COLLATION",
    "CONVERSION",
    "OPERATOR",
    "STATISTICS",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "EVENT TRIGGER",
    "EXTENSION",
    "PUBLICATION",
    "SUBSCRIPTION",
    "FOREIGN DATA WRAPPER",
    "SERVER",
    "PROCEDURAL LANGUAGE",
];

/// An object that is no table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// What it is, as `FUNCTION`.
    pub kind: &'static str,
    /// Its schema; empty if it is in none.
    pub schema: RawText,
    /// Its name; of functions with the types of their arguments, as `f(integer, text)`.
    pub name: RawText,
}

/// What rights an archive gives on one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// The schema; empty if it is in none.
    pub schema: RawText,
    /// What it is, as `TABLE t` or `DEFAULT PRIVILEGES FOR TABLES`.
    pub tag: RawText,
    /// Whose future objects it is about, in default privileges; else empty.
    pub role: RawText,
}

/// The objects and the rights of an archive, as far as they fit into the memory that may be kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Objects {
    /// All but tables and large objects.
    pub named: BTreeSet<Object>,
    /// Large objects.
    pub large: BTreeSet<u32>,
    /// Statements that give and take privileges, relative to those that the server gives by itself. Those of the database itself are in
    /// [`super::DatabaseEntry`], those of large objects are not kept.
    pub rights: BTreeMap<Holder, RawText>,
}

impl Contents {
    /// What does not fit makes all of it unknown: half of it would be wrong.
    fn keep(&mut self, bytes: usize, budget: &mut Budget, keep: impl FnOnce(&mut Objects)) {
        match &mut self.objects {
            Some(objects) if budget.spare(bytes) => keep(objects),
            _ => self.objects = None,
        }
    }

    pub(super) fn keep_object(&mut self, kind: &str, schema: &RawText, name: &RawText, budget: &mut Budget) {
        let Some(kind) = KINDS.iter().find(|known| **known == kind) else {
            return;
        };
        let size = schema.len() + name.len() + size_of::<Object>();
        self.keep(size, budget, |objects| {
            objects.named.insert(Object {
                kind,
                schema: schema.clone(),
                name: name.clone(),
            });
        });
    }

    /// `oids` are numbers, one in each line.
    pub(super) fn keep_large_objects(&mut self, oids: &RawText, budget: &mut Budget) {
        let text = oids.to_chars();
        let numbers: Vec<u32> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
        let size = numbers.len() * LARGE_OBJECT;
        self.keep(size, budget, |objects| objects.large.extend(numbers));
    }

    pub(super) fn keep_rights(&mut self, holder: Holder, definition: &RawText, budget: &mut Budget) {
        if holder.tag.as_bytes().starts_with(b"LARGE OBJECT") {
            return;
        }
        let names = holder.schema.len() + holder.tag.len() + holder.role.len();
        let size = names + definition.len() + size_of::<(Holder, RawText)>();
        self.keep(size, budget, |objects| {
            objects.rights.insert(holder, definition.clone());
        });
    }
}

/// A number in a B-tree, and its share of the nodes.
const LARGE_OBJECT: usize = 8;

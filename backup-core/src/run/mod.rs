//! The verbs: back up, restore, verify, list, prune.

pub mod prune;

//! Which key holds what (`docs/FORMAT.md`, section 1).

use crate::{
    Error, ErrorKind, Result,
    id::{BackupId, Nonce},
    store::Key,
};
use std::collections::HashSet;

/// Everything that is not data.
pub(crate) const INTERNAL: &str = "_pbe/";
/// The folder of manifests.
pub(crate) const MANIFESTS: &str = "_pbe/manifests/";
/// The folder of started markers.
pub(crate) const STARTED: &str = "_pbe/started/";
/// The folder of evidence.
pub(crate) const EVIDENCE: &str = "_pbe/evidence/";
/// Where a store's features are tried.
pub(crate) use crate::store::PROBES;
/// The repository's own document.
pub(crate) const REPOSITORY: &str = "_pbe/repository.json";

/// The key of the manifest of backup `id`.
#[must_use]
pub fn manifest(id: BackupId) -> Key {
    Key::from(format!("{MANIFESTS}{id}.json"))
}

/// The folder of the started markers of `id`.
#[must_use]
pub fn markers(id: BackupId) -> Key {
    Key::from(format!("{STARTED}{id}/"))
}

/// The started marker of the run `nonce` that claims `id`.
#[must_use]
pub fn marker(id: BackupId, nonce: Nonce) -> Key {
    markers(id).with(nonce.to_string())
}

/// The folder of the evidence about `id`.
#[must_use]
pub fn evidence(id: BackupId) -> Key {
    Key::from(format!("{EVIDENCE}{id}/"))
}

/// The folder of the lease entries of `target`.
#[must_use]
pub fn lease(target: &str) -> Key {
    Key::from(format!("_pbe/lease/{target}/"))
}

/// Demands that `target` is `[a-z0-9.-]+` and no path segment with a meaning of its own.
///
/// # Errors
/// [`ErrorKind::Usage`].
pub fn check_target(target: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    if !target.is_empty() && !matches!(target, "." | "..") && target.bytes().all(plain) {
        return Ok(());
    }
    let shown = target.escape_debug();
    Err(
        Error::new(ErrorKind::Usage, format!("'{shown}' is not the name of a target"))
            .hint("a target looks like postgres.dump"),
    )
}

/// Whether `key` lies where only backup `id` keeps data: `<id>/…` or `<id>.…`.
///
/// Nothing else is ever deleted for `id`, whatever a document says.
#[must_use]
pub fn belongs_to(id: BackupId, key: &Key) -> bool {
    let rest = key.strip_prefix(&Key::from(id.to_string()));
    rest.is_some_and(|rest| rest.len() > 1 && matches!(rest[0], b'/' | b'.'))
}

/// The id that a name under a folder of `_pbe/` starts with, and what follows it.
pub(crate) fn split_id<'a>(key: &'a Key, folder: &str) -> Option<(BackupId, &'a str)> {
    let rest = key.as_str()?.strip_prefix(folder)?;
    let (id, rest) = rest.split_at_checked(15)?;
    Some((id.parse().ok()?, rest))
}

/// The keys that a run may write: those that it named, and their roll-overs (`.0002`, `.0003`, …).
#[derive(Debug, Default)]
pub struct OwnedKeys(HashSet<Key>);

impl OwnedKeys {
    /// Adds planned keys.
    pub fn extend(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.0.extend(keys);
    }

    /// Whether `key` is a planned key or one of its roll-overs.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        self.0.contains(key) || rolled_over(key).is_some_and(|(planned, _)| self.0.contains(&planned))
    }

    /// The planned keys.
    pub fn planned(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }
}

impl FromIterator<Key> for OwnedKeys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

/// The key that `key` is a roll-over of, and which one: `a.0002` is the second object of `a`.
pub(super) fn rolled_over(key: &Key) -> Option<(Key, u32)> {
    let (planned, [b'.', number @ ..]) = key.as_bytes().split_last_chunk::<5>()? else {
        return None;
    };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let number = number
        .iter()
        .try_fold(0, |number, byte| Some(10 * number + digit(byte)?))?;
    (number > 1).then(|| (Key::new(planned), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_planned_keys_and_their_roll_overs_are_owned() {
        let owned: OwnedKeys = [Key::from("i/a.pbe")].into_iter().collect();
        for key in ["i/a.pbe", "i/a.pbe.0002", "i/a.pbe.9999"] {
            assert!(owned.contains(&Key::from(key)), "{key}");
        }
        for key in [
            "i/a",
            "i/a.pbe.0001",
            "i/a.pbe.0000",
            "i/a.pbe.2",
            "i/a.pbe.00002",
            "i/a.pbe.0002.0003",
            "i/b.pbe",
            "i/a.pbe.000x",
        ] {
            assert!(!owned.contains(&Key::from(key)), "{key}");
        }
    }

    #[test]
    fn a_backup_owns_nothing_outside_its_own_name() {
        let id: BackupId = "20260422_170000".parse().unwrap();
        for key in ["20260422_170000/a", "20260422_170000.snap.pbe"] {
            assert!(belongs_to(id, &Key::from(key)), "{key}");
        }
        for key in [
            "20260422_170000",
            "20260422_170000/",
            "20260422_1700001/a",
            "_pbe/repository.json",
            "20260422_170001/a",
            "files/20260422_170000/a",
        ] {
            assert!(!belongs_to(id, &Key::from(key)), "{key}");
        }
    }

    #[test]
    fn names_of_targets_are_plain() {
        check_target("postgres.dump").unwrap();
        for wrong in ["", "..", "a/b", "A", "a b", "a_b"] {
            assert_eq!(check_target(wrong).unwrap_err().kind(), ErrorKind::Usage, "{wrong}");
        }
    }
}

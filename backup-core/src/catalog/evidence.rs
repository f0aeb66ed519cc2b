//! Evidence: what a verification proved.

use super::{
    document::{self, Document, Format, Kind},
    layout,
};
use crate::{
    Context, Error, ErrorKind, Result,
    event::{Event, Finding, Severity},
    id::{BackupId, Nonce, RepositoryId},
    store::{Key, ListDepth, ListEntry, PutMode},
};
use futures::TryStreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How many of the newest verifications of one backup are looked at.
const NEWEST: usize = 32;
/// Bytes of damaged keys in one document.
const ROOM: usize = 60 << 10;

/// How deep a verification looked; each depth includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Lengths and digests of what is stored.
    Objects,
    /// Every byte opened and read by the tool that restores it.
    Content,
    /// It was restored.
    Restore,
}

/// What one verification of one backup proved. See `docs/FORMAT.md`, section 3, for the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/FORMAT.md is the authority on the fields")]
pub struct Evidence {
    pub format: Format,
    pub id: BackupId,
    pub repository: RepositoryId,
    pub target: String,
    pub at: Timestamp,
    pub depth: Depth,
    pub ok: bool,
    pub damaged: Vec<String>,
    pub tool: String,
}

impl Document for Evidence {
    const KIND: Kind = Kind::Evidence;
}

/// What all verifications of one backup together say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// The newest verification that succeeded.
    pub verified: Option<Evidence>,
    /// The newest one that failed, unless a later one succeeded at least as deep.
    pub failed: Option<Evidence>,
}

/// Records `evidence` under a key of its own. Atomic; not idempotent: each call records once more.
///
/// Of the damaged keys only as many are recorded as there is room for.
///
/// # Errors
/// Those of the store.
pub async fn record(cx: &Context, evidence: &Evidence) -> Result<Key> {
    let nonce = Nonce::random(cx.entropy.as_ref())?;
    let name = format!("{}-{nonce}.json", BackupId::at(evidence.at));
    let key = layout::evidence(evidence.id).with(name);
    let bytes = document::encode(&cut(evidence), cx.keyring.as_deref())?;
    cx.store.put(&key, bytes, PutMode::Overwrite).await?;
    Ok(key)
}

fn cut(evidence: &Evidence) -> Evidence {
    let mut room = ROOM;
    let fits = |key: &&String| {
        // JSON needs at most six bytes for one.
        room = room.saturating_sub(6 * key.len() + 3);
        room > 0
    };
    let damaged = evidence.damaged.iter().take_while(fits).cloned().collect();
    Evidence {
        damaged,
        ..evidence.clone()
    }
}

/// Reads what is proved about `id`: its 32 newest verifications. Memory is those.
///
/// Evidence that is damaged, about something else, or without a good signature while there is a key, counts for nothing and is reported.
///
/// # Errors
/// Those of the store.
pub async fn proof(cx: &Context, id: BackupId, repository: RepositoryId) -> Result<Proof> {
    let mut found = Vec::new();
    for key in newest(cx, id).await? {
        match read(cx, &key, id, repository).await {
            Ok(evidence) => found.extend(evidence),
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => report(cx, &key, &error),
            Err(error) => return Err(error),
        }
    }
    found.sort_by_key(|evidence| evidence.at);
    Ok(weigh(found))
}

async fn newest(cx: &Context, id: BackupId) -> Result<BTreeSet<Key>> {
    let mut newest = BTreeSet::new();
    let mut listing = cx.store.list(&layout::evidence(id), ListDepth::Flat);
    while let Some(entry) = listing.try_next().await? {
        if let ListEntry::Object(meta) = entry {
            newest.insert(meta.key);
        }
        if newest.len() > NEWEST {
            newest.pop_first();
        }
    }
    Ok(newest)
}

async fn read(cx: &Context, key: &Key, id: BackupId, repository: RepositoryId) -> Result<Option<Evidence>> {
    let read = document::read::<Evidence>(cx.store.as_ref(), key, cx.keyring.as_deref()).await?;
    let Some(signed) = read else { return Ok(None) };
    if signed.value.id != id || signed.value.repository != repository {
        return Err(Error::new(ErrorKind::Damaged, format!("{key} is about another backup")));
    }
    if cx.authenticates() && !signed.trust.is_signed() {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("{key} is not signed by a known key"),
        ));
    }
    Ok(Some(signed.value))
}

fn report(cx: &Context, key: &Key, error: &Error) {
    cx.events.emit(Event::Finding(Finding {
        severity: Severity::Warning,
        subject: key.to_string(),
        message: format!("does not count as evidence: {}", error.chain()),
        hint: None,
    }));
}

/// What verifications say, oldest first.
fn weigh(found: Vec<Evidence>) -> Proof {
    let mut proof = Proof::default();
    for evidence in found {
        if !evidence.ok {
            proof.failed = Some(evidence);
            continue;
        }
        if proof
            .failed
            .as_ref()
            .is_some_and(|failed| failed.depth <= evidence.depth)
        {
            proof.failed = None;
        }
        proof.verified = Some(evidence);
    }
    proof
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(second: i64, depth: Depth, ok: bool) -> Evidence {
        let at = Timestamp::from_second(second).unwrap();
        Evidence {
            format: Format,
            id: BackupId::at(Timestamp::UNIX_EPOCH),
            repository: crate::id::Id16([1; 16]),
            target: "t".into(),
            at,
            depth,
            ok,
            damaged: vec![],
            tool: "test".into(),
        }
    }

    #[test]
    fn evidence_of_any_damage_can_be_recorded() {
        let much = Evidence {
            damaged: vec!["\u{1}".repeat(1024); 1000],
            ..evidence(1, Depth::Objects, false)
        };
        assert!(document::encode(&cut(&much), None).is_ok());
        let little = Evidence {
            damaged: vec!["a".into(), "b".into()],
            ..much
        };
        assert_eq!(cut(&little), little);
    }

    #[test]
    fn a_failure_stands_until_something_as_deep_succeeds() {
        let failed = evidence(1, Depth::Content, false);
        let shallow = evidence(2, Depth::Objects, true);
        let proof = weigh(vec![failed.clone(), shallow.clone()]);
        assert_eq!(
            (proof.failed, proof.verified),
            (Some(failed.clone()), Some(shallow.clone()))
        );
        let deep = evidence(3, Depth::Restore, true);
        let proof = weigh(vec![failed, shallow, deep.clone()]);
        assert_eq!((proof.failed, proof.verified), (None, Some(deep)));
    }
}

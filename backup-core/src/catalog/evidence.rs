//! Evidence: what a verification proved.

use super::{
    document::{self, Document, Format, Kind},
    hex32, layout,
};
use crate::{
    Context, Error, ErrorKind, Result,
    event::{Event, Finding, Severity},
    id::{BackupId, Nonce, RepositoryId},
    store::{Key, ListDepth, ListEntry, PutMode},
};
use futures::{TryStreamExt, future::ready};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many documents are read at once.
const CONCURRENCY: usize = 8;
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
    #[serde(with = "hex32")]
    pub manifest: [u8; 32],
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
    /// The newest one that failed and since which none succeeded that looked at least as deep.
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

/// Reads what is proved about the backup `id` whose manifest has this `digest`: all its verifications. Memory is 16 of them.
///
/// Evidence that is damaged, about something else, or without a good signature while there is a key, counts for nothing and is reported.
///
/// # Errors
/// Those of the store.
pub async fn proof(cx: &Context, id: BackupId, repository: RepositoryId, digest: &[u8; 32]) -> Result<Proof> {
    let listing = cx
        .store
        .list(&layout::evidence(id), ListDepth::Flat)
        .map_err(Error::from);
    let keys = listing.try_filter_map(|entry| {
        let key = match entry {
            ListEntry::Object(meta) => Some(meta.key),
            ListEntry::Folder(_) => None,
        };
        ready(Ok(key))
    });
    let read = keys
        .map_ok(|key| counted(cx, key, (id, repository, digest)))
        .try_buffer_unordered(CONCURRENCY);
    let fold = |mut newest: Newest, evidence: Option<Evidence>| {
        evidence.into_iter().for_each(|evidence| newest.add(evidence));
        ready(Ok(newest))
    };
    read.try_fold(Newest::default(), fold).await.map(Newest::proof)
}

/// What a backup is known by: its id, its repository, the digest of its manifest.
type Subject<'a> = (BackupId, RepositoryId, &'a [u8; 32]);

/// The evidence under `key`; `None` if it counts for nothing.
async fn counted(cx: &Context, key: Key, subject: Subject<'_>) -> Result<Option<Evidence>> {
    match read(cx, &key, subject).await {
        Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => {
            report(cx, &key, &error);
            Ok(None)
        }
        other => other,
    }
}

async fn read(cx: &Context, key: &Key, (id, repository, digest): Subject<'_>) -> Result<Option<Evidence>> {
    let read = document::read::<Evidence>(cx.store.as_ref(), key, cx.keyring.as_deref()).await?;
    let Some(signed) = read else { return Ok(None) };
    if cx.authenticates() && !signed.trust.is_signed() {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("{key} is not signed by a known key"),
        ));
    }
    let evidence = signed.value;
    if (evidence.id, evidence.repository, &evidence.manifest) != (id, repository, digest) {
        return Err(Error::new(ErrorKind::Damaged, format!("{key} is about another backup")));
    }
    Ok(Some(evidence))
}

fn report(cx: &Context, key: &Key, error: &Error) {
    cx.events.emit(Event::Finding(Finding {
        severity: Severity::Warning,
        subject: key.to_string(),
        message: format!("does not count as evidence: {}", error.chain()),
        hint: None,
    }));
}

/// The newest verification of each depth that succeeded, and that failed.
#[derive(Default)]
struct Newest(BTreeMap<(bool, Depth), Evidence>);

impl Newest {
    fn add(&mut self, evidence: Evidence) {
        let newest = self.0.entry((evidence.ok, evidence.depth));
        let newest = newest.or_insert_with(|| evidence.clone());
        if newest.at < evidence.at {
            *newest = evidence;
        }
    }

    /// Of a success and a failure at one moment, the failure counts.
    fn proof(self) -> Proof {
        let (verified, failed): (Vec<_>, Vec<_>) = self.0.into_values().partition(|evidence| evidence.ok);
        let made_good = |failed: &Evidence| verified.iter().any(|ok| ok.at > failed.at && ok.depth >= failed.depth);
        let failed = failed.into_iter().filter(|failed| !made_good(failed));
        Proof {
            failed: failed.max_by_key(|evidence| evidence.at),
            verified: verified.into_iter().max_by_key(|evidence| evidence.at),
        }
    }
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
            manifest: [2; 32],
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

    fn weigh(found: &[&Evidence]) -> Proof {
        let mut newest = Newest::default();
        found.iter().for_each(|evidence| newest.add((*evidence).clone()));
        newest.proof()
    }

    #[test]
    fn a_failure_stands_until_something_as_deep_succeeds() {
        let failed = evidence(1, Depth::Content, false);
        let shallow = evidence(2, Depth::Objects, true);
        let proof = weigh(&[&shallow, &failed]);
        assert_eq!(
            (proof.failed, proof.verified),
            (Some(failed.clone()), Some(shallow.clone()))
        );
        let deep = evidence(3, Depth::Restore, true);
        let proof = weigh(&[&deep, &failed, &shallow]);
        assert_eq!((proof.failed, proof.verified), (None, Some(deep)));
    }

    #[test]
    fn a_deep_failure_outlives_shallow_ones_that_were_made_good() {
        let failed = evidence(1, Depth::Content, false);
        let shallow = [evidence(2, Depth::Objects, false), evidence(3, Depth::Objects, true)];
        let proof = weigh(&[&failed, &shallow[0], &shallow[1]]);
        assert_eq!(proof.failed, Some(failed));
    }
}
